"""What a run of `fit` measured."""

import math
from dataclasses import dataclass, field


@dataclass
class History:
    """What a run of `fit` measured, one entry per finished epoch.

    Attributes:
        epochs: 1, 2, ..., as many as were finished.
        loss: mean training loss per image of each epoch, in the units of the loss (nats for a VAE).
        parts: the same for each named part of the loss.
        seconds: wall-clock duration of each epoch.
        interrupted: True if Ctrl-C ended the run.

    Example:
        >>> import aecore as ae
        >>> ae.History().epochs
        []
    """

    epochs: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False


def record(history: History, epoch: int, parts: dict[str, float], seconds: float) -> None:
    """Add an epoch, if its loss is finite."""
    total = sum(parts.values())
    if not math.isfinite(total):
        raise FloatingPointError(f"the loss became {total} in epoch {epoch} ({parts}); a smaller lr usually helps")
    history.epochs.append(epoch)
    history.loss.append(total)
    history.seconds.append(seconds)
    if len(parts) > 1:
        for name, value in parts.items():
            history.parts.setdefault(name, []).append(value)
