"""One classic script for the whole book: a ``type=module`` script would be blocked by CORS on ``file://``."""

from __future__ import annotations

from pathlib import Path

HOST = Path(__file__).parent / "static" / "host.js"


def bundle() -> str:
    """The shared helpers, every figure's module wrapped in a function, and the host that mounts them.

    Example:
        >>> "bernoulli_kl" in bundle()
        True
    """
    from aecore.widgets.base import FOLDER

    parts = ["(() => {", (FOLDER / "shared.js").read_text("utf-8"), "const modules = {};"]
    for path in sorted(FOLDER.glob("*.js")):
        if path.name == "shared.js":
            continue
        source = path.read_text("utf-8")
        if source.count("export default ") != 1 or "\nimport " in source:
            raise ValueError(f"{path.name}: has to be import-free, with exactly one default export")
        body = source.replace("export default ", "return ")
        parts.append(f'modules["{path.stem}"] = (() => {{\n{body}\n}})();')
    return "\n".join([*parts, HOST.read_text("utf-8"), "})();\n"])
