"""The progress bar of `fit`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from tqdm import tqdm as std_tqdm
from tqdm.auto import tqdm


@contextmanager
def progress_bar(enabled: bool, total: int, done: int) -> Iterator[std_tqdm]:
    """A bar in a notebook or a terminal; hidden elsewhere, and with TQDM_DISABLE=1 in the environment.

    It leaves nothing behind: a saved notebook would keep the bar as a line of text that stands at 0 %.
    """
    visible = "ipykernel" in sys.modules or sys.stderr.isatty()
    hidden = not enabled or not visible or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    options = {"total": total, "initial": done, "unit": " images", "unit_scale": True, "leave": False}
    if hidden or not _is_widget():  # a notebook shows an empty widget for a disabled bar
        with (std_tqdm if hidden else tqdm)(**options, disable=hidden) as bar:
            yield bar
        return
    from IPython.display import display

    with tqdm(**options, display=False) as bar:
        place = display(bar.container, display_id=True)
        try:
            yield bar
        finally:
            if place is not None:  # None outside a kernel
                place.update({"text/plain": ""}, raw=True)


def _is_widget() -> bool:
    from tqdm.notebook import tqdm as in_notebook

    return bool(issubclass(tqdm, in_notebook))


def show(bar: std_tqdm, parts: dict[str, Tensor], images: int) -> None:
    """Advance the bar by a batch; the loss is read only when tqdm redraws, since reading makes a GPU wait."""
    if bar.update(images):
        numbers = {name: f"{part.item():.1f}" for name, part in parts.items()}
        total = f"{sum(part.item() for part in parts.values()):.1f}"
        bar.set_postfix({"loss": total, **(numbers if len(parts) > 1 else {})}, refresh=False)
