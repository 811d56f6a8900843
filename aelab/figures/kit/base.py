"""What all interactive figures share: one ES module, checked traits, and a form that outlives the kernel."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anywidget
import numpy as np
import traitlets as t
from numpy.typing import DTypeLike

from aelab.figures.kit.assets import ASSETS
from aelab.figures.kit.saved import show
from aelab.stills import style
from aelab.stills.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["MIME", "Figure", "Number", "OneOf", "Whole", "digit_labels", "finite_array", "increasing"]

MIME = "application/x-aecore-figure+json"  # `x-`, not `vnd.`: VS Code sorts `vnd.*` first and the live view must win
KIT = Path(__file__).parent
FOLDERS = (KIT.parent, KIT.parents[1] / "quizzes")  # where the .js file of a figure can stand: beside its .py
BUILT = KIT.parent / "dist"  # what `publish/aebook/bundle.py` makes of each: a module that needs no other file


def module_file(module: str) -> Path | None:
    """The `.js` file of a figure, or None."""
    return next((path for folder in FOLDERS if (path := folder / f"{module}.js").is_file()), None)


def stylesheet() -> str:
    """The style sheet of all figures, the colours of `aelab.stills.style` in front."""
    return style.css() + (KIT / "figures.css").read_text("utf-8")


def _number(value: object) -> float:
    """`value` as a float, nan if it is no number."""
    if isinstance(value, (str, bytes, bool)):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]  # whatever has __float__: NumPy's and torch's numbers too
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return math.nan


def _interval(low: float, high: float) -> str:
    if math.isinf(high):
        return "" if math.isinf(low) else f" of at least {low:g}"
    return f" from {low:g} to {high:g}"


class Number(t.Float):
    """A synchronised finite number between `min` and `max`; anything else is refused by name.

    Example:
        >>> class Dial(t.HasTraits):
        ...     angle = Number(0.0, min=0, max=90)
        >>> Dial(angle=float("nan"))
        Traceback (most recent call last):
        traitlets.traitlets.TraitError: angle must be a finite number from 0 to 90, got nan
    """

    def __init__(self, default: float, *, min: float = -math.inf, max: float = math.inf):
        self.range = min, max
        super().__init__(default)
        self.tag(sync=True)

    def validate(self, obj: t.HasTraits, value: object) -> float:
        """`value` as a float in the range, else `TraitError`."""
        number, (low, high) = _number(value), self.range
        if not math.isfinite(number) or not low <= number <= high:
            raise t.TraitError(f"{self.name} must be a finite number{_interval(low, high)}, got {value!r}")
        return number


class Whole(t.Int):
    """A synchronised integer between `min` and `max`; anything else is refused by name.

    Example:
        >>> class Urn(t.HasTraits):
        ...     balls = Whole(1, min=1, max=100)
        >>> Urn(balls=0.5)
        Traceback (most recent call last):
        traitlets.traitlets.TraitError: balls must be an integer from 1 to 100, got 0.5
    """

    def __init__(self, default: int, *, min: int, max: int):
        self.range = min, max
        super().__init__(default)
        self.tag(sync=True)

    def validate(self, obj: t.HasTraits, value: object) -> int:
        """`value` as an integer in the range, else `TraitError`."""
        number, (low, high) = _number(value), self.range
        if not low <= number <= high or number % 1:
            raise t.TraitError(f"{self.name} must be an integer from {low} to {high}, got {value!r}")
        return int(number)


class OneOf(t.TraitType):
    """A synchronised value that must be one of those that are offered; another is refused by name.

    Args:
        offered: the values, numbers or texts; or the name of an attribute (a trait, a property) that holds them.
        default: what the trait is until it is set.

    Example:
        >>> class Dial(t.HasTraits):
        ...     betas = t.List([1, 4, 16])
        ...     beta = OneOf("betas", 1)
        >>> Dial(beta=4.0).beta
        4
        >>> Dial(beta=5)
        Traceback (most recent call last):
        traitlets.traitlets.TraitError: beta must be one of 1, 4, 16, got 5
    """

    def __init__(self, offered: str | Sequence, default: object = None):
        self.offered = offered
        super().__init__(default)
        self.tag(sync=True)

    def _cross_validate(self, obj: t.HasTraits, value: object) -> object:
        # Not in `validate`: that runs before the traits that come with this one, such as those offered, are set.
        offered = getattr(obj, self.offered) if isinstance(self.offered, str) else self.offered
        if isinstance(value, (str, Real)):
            for item in offered:
                if item == value and isinstance(item, bool) is isinstance(value, bool):
                    return super()._cross_validate(obj, item)
        some = isinstance(offered, range) and len(offered) > 2
        words = f"an integer from {offered[0]} to {offered[-1]}" if some else f"one of {', '.join(map(str, offered))}"
        raise t.TraitError(f"{self.name} must be {words}, got {value!r}")


def _plain(value: Any) -> Any:
    """`value` with every tensor in it as an array on the CPU: NumPy knows neither gradients nor bfloat16."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if not hasattr(value, "detach"):
        return value
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() and value.itemsize < 4 else value).numpy()


def finite_array(
    name: str,
    value: object,
    *shapes: tuple[int | None, ...],
    dtype: DTypeLike = np.float32,
    low: float = -math.inf,
    high: float = math.inf,
) -> np.ndarray:
    """`value` as an array, refused by name if it is none.

    Args:
        name: of the argument, for the message.
        value: an array, a tensor of any device and dtype, or lists of numbers.
        shapes: what its shape may be; `None` is any length but zero.
        dtype: of the result. An integer type takes integers only, whatever type they come in.
        low, high: the range of the values.

    Returns:
        A contiguous array.

    Raises:
        TypeError: no numbers.
        ValueError: another shape, a value that is not finite or outside the range, or a fraction for an integer.

    Example:
        >>> finite_array("codes", [[1.0, 2.0]], (None, 2)).shape
        (1, 2)
        >>> finite_array("codes", [], (None, 2))
        Traceback (most recent call last):
        ValueError: codes must have shape (any, 2), got (0,)
    """
    try:
        array = np.asarray(_plain(value))
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:  # ragged lists, tensors without values
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} ({error})") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    if not any(_fits(array.shape, shape) for shape in shapes):
        wanted = " or ".join(str(shape).replace("None", "any") for shape in shapes)
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):  # it shows in the result
        result = np.ascontiguousarray(array, dtype=dtype)
    if not np.isfinite(array).all() or not np.isfinite(result).all():
        kinds = {"nan": np.isnan(array).any(), "infinity": np.isinf(array).any()}
        got = next((kind for kind, found in kinds.items() if found), f"a number beyond {np.dtype(dtype).name}")
        raise ValueError(f"{name} must be finite, got {got}")
    if array.min() < low or array.max() > high:
        hint = "; divide by 255" if (low, high) == (0, 1) and 1 < array.max() <= 255 else ""
        wanted = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{name} must be {wanted}, got values from {array.min():g} to {array.max():g}{hint}")
    if result.dtype.kind in "iub" and (result != array).any():
        raise ValueError(f"{name} must hold integers, got {array[result != array][0]:g}")
    return result


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        got == size or (size is None and got > 0) for got, size in zip(shape, wanted, strict=True)
    )


def increasing(
    name: str, value: object, *, low: float, least: int = 2, dtype: DTypeLike = np.float64
) -> list[int] | list[float]:
    """`value` as a list of at least `least` numbers, each larger than the one before, from `low` on.

    Example:
        >>> increasing("penalties", [0, 1, 10], low=0)
        [0.0, 1.0, 10.0]
    """
    numbers = finite_array(name, value, (None,), dtype=dtype, low=low).tolist()
    if len(numbers) < least or any(b <= a for a, b in pairwise(numbers)):
        raise ValueError(f"{name} must be at least {least} increasing numbers, got {numbers}")
    return numbers


def digit_labels(value: object) -> np.ndarray:
    """The classes of at least two digits, integers from 0 to 9: uint8, shape (n,).

    Example:
        >>> digit_labels([7, 2.0]).tolist()
        [7, 2]
    """
    labels = finite_array("labels", value, (None,), dtype=np.uint8, low=0, high=9)
    if len(labels) < 2:
        raise ValueError("labels must be of at least two digits, got one")
    return labels


def _portable(value: Any) -> Any:
    """JSON, with bytes as `{"$bytes": base64}`."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": b64encode(bytes(value)).decode()}
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"state must hold finite numbers, got {value!r}")
    return value


class Figure(anywidget.AnyWidget):
    """An interactive figure: an ipywidget where there is a kernel, and alive on the published page where there is none.

    A subclass names its `module` (the `.js` file in this folder), its `height` in pixels (wide, narrow: the page keeps
    that room free, so nothing jumps), declares traits with `.tag(sync=True)`, and says in `sentence()` and `draw()`
    (a matplotlib figure) what stands in its place without JavaScript.

    Example:
        >>> from aelab import figures
        >>> sorted(figures.BernoulliKL().state())
        ['caption', 'rho', 'rho_hat', 'title']
    """

    module: str = ""
    height: tuple[int, int] = (420, 620)
    in_gallery: bool = True
    assets: tuple[str, ...] = ()  # names of data that all figures share; it asks for them when a reader wants them
    title = t.Unicode().tag(sync=True)
    caption = t.Unicode().tag(sync=True)
    _css = t.Unicode().tag(sync=True)
    _saved = t.Unicode().tag(sync=True)  # the name of the picture that the live figure hides

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "_esm" not in vars(cls):  # traitlets derives a class of its own for each instance, which has one
            if module_file(cls.module) is None:
                raise TypeError(f"{cls.__name__}.module must name a .js file in this folder, got {cls.module!r}")
            if (built := BUILT / f"{cls.module}.js").is_file():
                cls._esm = built  # a file: with ANYWIDGET_HMR=1 anywidget watches it, and shows what is built anew
        super().__init_subclass__(**kwargs)

    @t.default("_saved")
    def _name_of_the_picture(self) -> str:
        return uuid4().hex

    @t.default("_css")
    def _stylesheet(self) -> str:
        return stylesheet()

    def __init__(self, **traits: Any) -> None:
        for unknown in sorted(set(traits) - set(self.trait_names())):
            raise TypeError(f"traits must be among {', '.join(self._own())}, got {unknown!r}")
        if not hasattr(type(self), "_esm"):
            raise FileNotFoundError(
                f"{self.module}.js must be in {BUILT}, got no such file: install aecore again where npm's registry "
                "can be reached, or in a checkout run `make environment`, and restart Python"
            )
        super().__init__(**traits)
        self.on_msg(self._answer)

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        """Send the data that the page asks for."""
        if isinstance(content, dict) and (name := content.get("asset")) in self.assets:
            self.send({"asset": name}, buffers=[ASSETS[name]()])

    @staticmethod
    def _trait_from_json(value: Any, _: Any) -> Any:
        """What the page sends for a trait: bytes come as a view, which traitlets' `Bytes` would refuse."""
        return bytes(value) if isinstance(value, memoryview) else value

    def _own(self) -> list[str]:
        inherited = set(anywidget.AnyWidget.class_trait_names())
        return [name for name in self.traits(sync=True) if name not in inherited and not name.startswith("_")]

    def __repr__(self) -> str:
        words = ("title", "caption", *self.trait_names(words=True))  # not the state of the figure
        values = {name: getattr(self, name) for name in self._own() if name not in words}
        short = [f"{name}={value!r}" for name, value in values.items() if isinstance(value, (bool, int, float, str))]
        return f"{type(self).__name__}({', '.join(short)})"

    @classmethod
    def example(cls) -> Figure:
        """The figure as the gallery shows it; a figure that needs a trained model trains (or loads) it here."""
        return cls()

    def sentence(self) -> str:
        """What the figure shows in the state it is in: the alternative text of its still picture."""
        raise NotImplementedError(f"{type(self).__name__} has to say in a sentence what it shows")

    def draw(self) -> Drawing:
        """The still picture that stands where the figure would be: a matplotlib `Figure`."""
        raise NotImplementedError(f"{type(self).__name__} has to draw its still picture")

    def state(self) -> dict:
        """The traits as JSON, bytes in base64: what the published page starts the figure with."""
        return {name: _portable(getattr(self, name)) for name in self._own()}

    def still(self) -> dict:
        """The picture and the sentence that stand in the figure's place where there is no JavaScript.

        What no picture can say may be text instead: `{"alt": sentence, "html": markup}`.
        """
        return Picture(self.draw, alt=self.sentence()).data()

    def _ipython_display_(self) -> None:
        show(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        figure = {
            "name": type(self).__name__,
            "module": self.module,
            "height": self.height,
            "state": self.state(),
            "picture": self.still(),
            "assets": list(self.assets),
        }
        return {**data, "text/plain": repr(self), MIME: figure}, metadata
