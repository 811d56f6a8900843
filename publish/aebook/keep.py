"""`pytest -p aebook.keep --nbval-lax …`: what nbval saw of a notebook is kept in jupyter-cache, for the build.

So a test of every cell and a page with its output are one execution. A notebook with a cell that failed, or was not
run, is not kept; the build then executes it itself.
"""

from __future__ import annotations

import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbval.plugin import IPyNbCell

KEPT = pytest.StashKey[int]()  # cells of a notebook that passed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A table is compared by its text; its HTML says the same and stays out of git."""
    for notebook in {item.parent for item in items if isinstance(item, IPyNbCell)}:
        notebook.skip_compare = (*notebook.skip_compare, "text/html")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Put what a cell gave where the cell is: nbval holds the notebook until its last cell."""
    result = yield
    if isinstance(item, IPyNbCell):
        item.cell.outputs = item.test_outputs
        item.cell.execution_count = item.cell_num + 1
        for output in item.cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = item.cell.execution_count
        item.parent.stash[KEPT] = item.parent.stash.get(KEPT, 0) + 1
    return result


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep a notebook after its last cell."""
    if not isinstance(item, IPyNbCell) or (nextitem is not None and nextitem.parent is item.parent):
        return
    cells = [cell for cell in item.parent.nb.cells if cell.cell_type == "code"]
    if item.parent.stash.get(KEPT, 0) == len(cells):
        bundle = CacheBundleIn(item.parent.nb, str(item.parent.path))
        get_cache("_build/.jupyter_cache").cache_notebook_bundle(bundle, overwrite=True)
