"""What all interactive figures share: one ES module, checked traits, and a form that outlives the kernel."""

from __future__ import annotations

import math
from base64 import b64encode
from functools import cache
from pathlib import Path

import anywidget
import numpy as np
import traitlets as t

from .. import style
from ..picture import Picture

__all__ = ["MIME", "Figure", "Number", "finite_array"]

MIME = "application/x-aecore-figure+json"  # `x-`, not `vnd.`: VS Code sorts `vnd.*` first and the live view must win
FOLDER = Path(__file__).parent


@cache
def module_source(module: str) -> str:
    """The ES module of a figure: the shared helpers, then the figure's own file."""
    return (FOLDER / "shared.js").read_text("utf-8") + "\n" + (FOLDER / f"{module}.js").read_text("utf-8")


@cache
def stylesheet() -> str:
    """The style sheet of all figures, the colours of :mod:`aecore.style` in front."""
    return style.css() + (FOLDER / "figures.css").read_text("utf-8")


class Number(t.Float):
    """A synchronised finite number between ``min`` and ``max``; anything else is refused by name.

    Example:
        >>> class Dial(t.HasTraits):
        ...     angle = Number(0.0, min=0, max=90)
        >>> Dial(angle=float("nan"))
        Traceback (most recent call last):
        traitlets.traitlets.TraitError: angle: got nan, takes a finite number from 0 to 90
    """

    def __init__(self, default: float, *, min: float = -math.inf, max: float = math.inf):
        self.range = min, max
        super().__init__(default)
        self.tag(sync=True)

    def validate(self, obj, value):
        low, high = self.range
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, (str, bytes, bool)) or not math.isfinite(number) or not low <= number <= high:
            text = "" if math.isinf(low) and math.isinf(high) else f" from {low:g} to {high:g}"
            raise t.TraitError(f"{self.name}: got {value!r}, takes a finite number{text}")
        return number


def finite_array(name: str, value, shape: tuple, dtype=np.float32) -> np.ndarray:
    """``value`` as an array of ``shape`` (``None``: any length but zero), refused by name if it is not one.

    Example:
        >>> finite_array("codes", [[1.0, 2.0]], (None, 2)).shape
        (1, 2)
        >>> finite_array("codes", [], (None, 2))
        Traceback (most recent call last):
        ValueError: codes: got shape (0,), takes (any, 2)
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
    fits = array.ndim == len(shape) and all(
        got == size or (size is None and got) for got, size in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: got shape {array.shape}, takes {wanted}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: got dtype {array.dtype}, takes numbers")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinity, takes finite numbers")
    return np.ascontiguousarray(array, dtype=dtype)


def _portable(value):
    """JSON, with bytes as ``{"$bytes": base64}``."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": b64encode(bytes(value)).decode()}
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"state: got {value!r}, takes finite numbers")
    return value


class Figure(anywidget.AnyWidget):
    """An interactive figure: an ipywidget where there is a kernel, and alive on the published page where there is none.

    A subclass names its ``module`` (the ``.js`` file in this folder), its ``height`` in pixels (wide, narrow: the
    page keeps that room free, so nothing jumps), declares traits with ``.tag(sync=True)``, and says in
    ``sentence()`` and ``draw()`` (a matplotlib figure) what stands in its place without JavaScript.
    """

    module: str = ""
    height: tuple[int, int] = (420, 620)
    in_gallery: bool = True
    title = t.Unicode().tag(sync=True)
    caption = t.Unicode().tag(sync=True)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "_esm" in vars(cls):  # traitlets derives a class of its own for each instance
            return
        if not (FOLDER / f"{cls.module}.js").is_file():
            raise TypeError(f"{cls.__name__}.module: got {cls.module!r}, takes the name of a .js file in this folder")
        cls._esm, cls._css = module_source(cls.module), stylesheet()

    def __init__(self, **traits):
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            raise TypeError(f"{type(self).__name__}: got {unknown[0]!r}, takes {', '.join(self._own())}")
        super().__init__(**traits)

    def _own(self) -> list[str]:
        inherited = set(anywidget.AnyWidget.class_trait_names())
        return [name for name in self.traits(sync=True) if name not in inherited and not name.startswith("_")]

    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in self._own() if name not in ("title", "caption")}
        short = [f"{name}={value!r}" for name, value in values.items() if isinstance(value, (bool, int, float, str))]
        return f"{type(self).__name__}({', '.join(short)})"

    @classmethod
    def example(cls) -> Figure:
        """The figure as the gallery shows it; a figure that needs a trained model trains (or loads) it here."""
        return cls()

    def sentence(self) -> str:
        """What the figure shows in the state it is in: the alternative text of its still picture."""
        raise NotImplementedError(f"{type(self).__name__} has to say in a sentence what it shows")

    def draw(self):
        """The still picture that stands where the figure would be: a matplotlib ``Figure``."""
        raise NotImplementedError(f"{type(self).__name__} has to draw its still picture")

    def state(self) -> dict:
        """The traits as JSON, bytes in base64: what the published page starts the figure with."""
        return {name: _portable(getattr(self, name)) for name in self._own()}

    def still(self) -> dict:
        """The picture and the sentence that stand in the figure's place where there is no JavaScript.

        What no picture can say may be text instead: ``{"alt": sentence, "html": markup}``.
        """
        return Picture(self.draw, alt=self.sentence()).data()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        figure = {"module": self.module, "height": self.height, "state": self.state(), "picture": self.still()}
        return {**data, "text/plain": repr(self), MIME: figure}, metadata
