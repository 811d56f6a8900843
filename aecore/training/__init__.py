"""One training loop for every model in the book: `fit` trains, `evaluate` measures."""

from aecore.training.devices import pick_device
from aecore.training.history import History
from aecore.training.loop import evaluate, fit

__all__ = ["History", "evaluate", "fit", "pick_device"]
