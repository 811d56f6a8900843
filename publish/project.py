"""Where things are: the project's root, its address on the net, the Chromium it drives. Each stands here alone.

The address is read from `_config.yml`; what cannot read it there (a notebook alone in Colab, the citation, the
README) repeats it, `fork.py` writes it there, and a test keeps the repetitions in step.
"""

import os
import re
import shutil
from pathlib import Path

__all__ = ["ROOT", "URL", "address", "chromium", "notebooks", "spellings"]

ROOT = Path(__file__).resolve().parents[1]
URL = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?")


def address(root: Path = ROOT) -> str:
    """The repository's address, as `_config.yml` has it."""
    found = re.search(r"^repository:\n  url: (\S+)", (root / "_config.yml").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"_config.yml in {root} must have an entry repository: url:, got none")
    return found[1]


def chromium() -> str | None:
    """The Chromium that prints, tests and measures pages: `$CHROMIUM`, else the system's; None if there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook of the book: each of them has a Colab button."""
    return sorted([*root.glob("*.ipynb"), *root.glob("chapters/*.ipynb")])


def spellings(url: str) -> list[str]:
    """How the address is written: in links and Colab's buttons (owner/name), and as the address of the site."""
    parts = URL.fullmatch(url)
    if parts is None:
        raise ValueError(f"url must be https://github.com/OWNER/NAME, got {url!r}")
    owner, name = parts.groups()
    return [f"{owner}/{name}", f"{owner.lower()}.github.io/{name}"]
