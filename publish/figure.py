"""`make figure NAME=BernoulliKL`: one figure, light, dark and as wide as a phone; an edit shows when the page reloads.

No notebook is executed and no book is built. JavaScript and style sheets are bundled anew when they are edited, and
the figure is made anew, in a fresh Python, when the figures' Python is.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

from aebook.bundle import FOLDERS, HOST, bundle, style
from project import ROOT

from aelab.figures import FIGURES

__all__ = ["Workbench", "refresh"]

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>
<style>body {{ margin: 0; display: flex; flex-wrap: wrap; gap: 8px; background: #888; }}
iframe {{ border: 0; height: 96vh; }}</style>
<iframe title="light" src="figures.html?theme=light" width="880"></iframe>
<iframe title="dark" src="figures.html?theme=dark" width="880"></iframe>
<iframe title="as wide as a phone" src="figures.html?theme=light" width="360"></iframe></html>
"""


def _edited(suffixes: set[str], since: Path) -> bool:
    """Whether a file of the figures with one of these suffixes is newer than what was made of it."""
    files = [path for folder in (*FOLDERS, HOST.parent) for path in folder.rglob("*") if path.suffix in suffixes]
    return not since.is_file() or max(path.stat().st_mtime for path in files) > since.stat().st_mtime


def refresh(folder: Path, name: str) -> None:
    """Make anew in `folder` what was edited since it was made.

    Raises:
        RuntimeError: what was edited does not run, in the words of Python or of esbuild.
    """
    if _edited({".py"}, folder / "figures.html"):
        command = [sys.executable, ROOT / "publish" / "gallery.py", folder, name]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise RuntimeError(done.stderr)
    elif _edited({".js", ".css"}, folder / "_static" / "aebook.js"):
        (folder / "_static" / "aebook.css").write_text(style(), "utf-8")
        (folder / "_static" / "aebook.js").write_text(bundle(), "utf-8")


class Workbench(SimpleHTTPRequestHandler):
    """The page of one figure, as its sources are now."""

    def __init__(self, *arguments, name: str, **options):
        self.name = name
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        """The three frames, or a file of the figure's page."""
        if not self.path.startswith("/figures.html"):
            return super().do_GET() if self.path != "/" else self._send(PAGE.format(name=self.name))
        try:
            refresh(Path(self.directory), self.name)
        except RuntimeError as error:
            return self._send(f"{error}", "text/plain")
        return super().do_GET()

    def end_headers(self) -> None:
        """A browser keeps nothing: the next load is the next edit."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *arguments) -> None:
        """Nobody reads the requests of one page."""

    def _send(self, text: str, kind: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in FIGURES:
        sys.exit(f"NAME must be one of {', '.join(FIGURES)}, got {' '.join(sys.argv[1:]) or 'nothing'}")
    folder = ROOT / "_build" / "figure" / sys.argv[1]
    folder.mkdir(parents=True, exist_ok=True)
    with HTTPServer(("127.0.0.1", 0), partial(Workbench, name=sys.argv[1], directory=str(folder))) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
