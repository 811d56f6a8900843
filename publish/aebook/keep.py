"""`pytest -p aebook.keep --nbval-lax …`: what nbval saw of a notebook is kept in jupyter-cache, for the build.

So a test of every cell and a page with its output are one execution. A notebook with a cell that failed, or was not
run, is not kept; the build then executes it itself.
"""

from __future__ import annotations

import os

import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbval.plugin import IPyNbCell

KEPT = pytest.StashKey[int]()  # cells of a notebook that passed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Put what a cell gave where the cell is: nbval holds the notebook until its last cell."""
    result = yield
    if isinstance(item, IPyNbCell):
        notebook = item.parent
        # Of a new list: nbval has compared with the outputs that the file has.
        item.cell.outputs = list(item.test_outputs)
        item.cell.execution_count = item.cell_num + 1
        for output in item.cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = item.cell.execution_count
        notebook.stash[KEPT] = notebook.stash.get(KEPT, 0) + 1
    return result


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep a notebook after its last cell."""
    if not isinstance(item, IPyNbCell) or (nextitem is not None and nextitem.parent is item.parent):
        return
    cells = [cell for cell in item.parent.nb.cells if cell.cell_type == "code"]
    if item.parent.stash.get(KEPT, 0) == len(cells):
        cache = get_cache(os.environ.get("JUPYTERCACHE", "_build/.jupyter_cache"))
        bundle = CacheBundleIn(item.parent.nb, str(item.parent.path))
        cache.cache_notebook_bundle(bundle, overwrite=True)
