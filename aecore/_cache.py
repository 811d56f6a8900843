"""The folder of what can be made or downloaded again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/aecore`, or `~/.cache/aecore` if that is unset or not absolute. It may not exist yet.

    Raises:
        RuntimeError: if the user has no home.

    Source: XDG Base Directory Specification.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or ".").expanduser()
    return (base if base.is_absolute() else Path.home() / ".cache") / "aecore"
