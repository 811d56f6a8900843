"""Packages that only some functions need. They come with the extra `lab`, and `import aecore` does not load them."""

import importlib
from typing import Any


def lab_package(module: str, user: str) -> Any:
    """Import and return `module` for the function `user`; an ImportError says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(f'{user} needs the package {package}; pip install "aecore[lab]"') from error
