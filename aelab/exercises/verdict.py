"""How a check asks for an answer, and how it judges it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from aecore._random import seeded

__all__ = [
    "CALLED",
    "NotDone",
    "NotYet",
    "Verdict",
    "answer",
    "as_tensor",
    "close",
    "draws",
    "judge",
    "pair",
    "tell_apart",
    "tensor_answer",
    "verdict",
]

CALLED = "give the function itself, without calling it"
_PLACES = ("first", "second", "third", "fourth")

Function = TypeVar("Function", bound=Callable)


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check: true if the answer is right, and a sentence either way; `done` is false if there is none.

    Example:
        >>> from aelab.exercises import Verdict
        >>> Verdict(False, "you averaged over the pixels")
        Not yet: you averaged over the pixels
    """

    ok: bool
    message: str
    done: bool = True

    def __bool__(self) -> bool:
        return self.ok

    @property
    def word(self) -> str:
        """What is said first: of a right answer, of a wrong one, of none."""
        return "Correct" if self.ok else "Not yet" if self.done else "Not done yet"

    def __repr__(self) -> str:
        return f"{self.word}: {self.message}"

    def _repr_html_(self) -> str:
        """The same beside a bar in green, amber or grey: inline, for Colab has no style sheet of ours."""
        hue = "#2b8a4b" if self.ok else "#b97700" if self.done else "#8a8a8a"
        style = f"border-left:4px solid {hue};padding:.2em 0 .2em .8em;margin:.4em 0"
        words = f"<b>{self.word}</b>: {escape(self.message, quote=False)}"
        return f'<p class="ae-verdict" style="{style}">{words}</p>'


class NotYet(Exception):
    """An answer that cannot be judged further; the message is the diagnosis."""


class NotDone(NotYet):
    """No answer at all: the function still returns nothing."""


def verdict(check: Callable[[Function, int], Verdict]) -> Callable[[Function], Verdict]:
    """Make `check(function, case)` a check of one argument that always ends in a `Verdict`.

    It is asked twice, with the numbers of case 0 and then with those of case 1: an answer that ignores an argument,
    or that knows the result by heart, is right for one of them only. torch's random state is the same at every call,
    and the caller's is left as it was.

    Example:
        >>> @verdict
        ... def check_double(function, case):
        ...     (x,) = draws(case, (3,))
        ...     return judge(answer(function, x), 2 * x, "twice as much.", {"this is the square": x.square()})
        >>> check_double(lambda x: x + x)
        Correct: twice as much.
        >>> check_double(torch.square)
        Not yet: this is the square
        >>> check_double(7)
        Not yet: give the function itself, without calling it; got int
    """

    @wraps(check, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def checked(function: Function) -> Verdict:
        if not callable(function):
            return Verdict(False, f"{CALLED}; got {type(function).__name__}")
        with seeded(0, torch.device("cpu")):
            first = _outcome(check, function, 0)
            second = _outcome(check, function, 1) if first else first
        if first and not second:
            return Verdict(False, f"right for some arguments, but not for others: {second.message}")
        return first

    del checked.__wrapped__  # its signature has the case, which is not the reader's
    return checked


def _outcome(check: Callable[[Function, int], Verdict], function: Function, case: int) -> Verdict:
    try:
        return check(function, case)
    except NotYet as diagnosis:
        return Verdict(False, str(diagnosis), done=not isinstance(diagnosis, NotDone))


def draws(case: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Standard normal numbers for a check, float64, a tensor for each shape; others for each case."""
    generator = torch.Generator().manual_seed(case)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def answer(function: Callable, *arguments: object) -> Any:
    """Call the student's function; turn an exception, no result, or a changed argument into a diagnosis."""
    name = getattr(function, "__name__", type(function).__name__)
    before = [_copied(argument) for argument in arguments]
    try:
        value = function(*arguments)
    except Exception as error:
        raise NotYet(f"{name} raised {type(error).__name__}: {error}") from error
    for place, argument, copy in zip(_PLACES, arguments, before, strict=False):
        if not _equal(_copied(argument), copy):
            raise NotYet(f"{name} changed its {place} argument in place: leave it as it is, and make a new tensor")
    if value is None or value is ...:
        raise NotDone(f"{name} returns nothing")
    return value


def _copied(argument: object) -> object:
    """What a function could change in place, copied; numbers, bytes and functions are as they are."""
    if isinstance(argument, nn.Module):
        argument = list(argument.state_dict().values())
    if isinstance(argument, list | tuple):
        return [_copied(part) for part in argument]
    return argument.detach().clone() if isinstance(argument, Tensor) else argument


def _equal(now: object, before: object) -> bool:
    if isinstance(now, list) and isinstance(before, list):
        return len(now) == len(before) and all(map(_equal, now, before))
    if isinstance(now, Tensor) and isinstance(before, Tensor):
        return now.dtype == before.dtype and torch.equal(now, before)
    return now == before


def tensor_answer(function: Callable, *arguments: object) -> Tensor:
    """`answer`, as a tensor; what is none becomes a diagnosis."""
    return as_tensor(answer(function, *arguments))


def as_tensor(value: object, name: str = "the result") -> Tensor:
    """A tensor of real numbers from a tensor, an array, a number or a list of numbers; of all else a diagnosis."""
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise NotYet(f"{name} must be a tensor or a number, got {type(value).__name__}") from error
    if tensor.is_complex() or tensor.is_meta or tensor.layout != torch.strided:
        raise NotYet(f"{name} must be a dense tensor of real numbers, got {tensor.dtype}, {tensor.layout}")
    return tensor


def pair(value: object, names: str) -> tuple[Any, Any]:
    """The two results of a function that has to return two; of all else a diagnosis."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise NotYet(f"the result must be two values, {names}, got {type(value).__name__}")
    return value[0], value[1]


def close(value: object, expected: Tensor, tolerance: float = 1e-4) -> bool:
    """Same shape, and equal up to a tolerance, relative and absolute."""
    found, wanted = (tensor.detach().cpu().double() for tensor in (as_tensor(value), expected))
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=tolerance, atol=tolerance)


def judge(value: object, expected: Tensor, praise: str, mistakes: dict[str, Tensor]) -> Verdict:
    """Right, or the first known mistake that gives this very value, or else a plain comparison.

    Args:
        value: the student's result, of any kind.
        expected: what is right.
        praise: the message for the right result.
        mistakes: the message for each known mistake -> the result of that mistake.
    """
    found = as_tensor(value).detach()
    if close(found, expected):
        return Verdict(True, praise)
    for diagnosis, wrong in mistakes.items():
        if close(found, wrong):
            return Verdict(False, diagnosis)
    if found.shape != expected.shape:
        return Verdict(False, f"the result must have shape {tuple(expected.shape)}, got {tuple(found.shape)}")
    if found.isnan().any():
        return Verdict(False, "the shape is right, but the result holds nan")
    if found.dtype in (torch.float16, torch.bfloat16) and close(found, expected, 2e-2):
        return Verdict(False, f"{found.dtype} keeps too few digits: compute in the dtype of the arguments")
    worst = (found.cpu().double() - expected.detach().double()).abs().max().item()
    return Verdict(False, f"the shape is right, but the values differ by up to {worst:.3g}")


def tell_apart(function: Callable, suspects: Mapping[str, tuple[bool, Callable]], missed: str, accused: str) -> Verdict:
    """The verdict on a detective, which says True or False of each suspect; the first mistake is named.

    Args:
        function: of one suspect; returns True or False.
        suspects: name -> (the right answer, the suspect).
        missed: what to say of a suspect for which True is right, with {name} for its name.
        accused: the same, for which False is right.
    """
    for name, (right, suspect) in suspects.items():
        found = tensor_answer(function, suspect)
        if found.dtype != torch.bool or found.numel() != 1:
            return Verdict(False, f"the result must be True or False, got {found.dtype} of {tuple(found.shape)}")
        if right and not found:
            return Verdict(False, missed.format(name=name))
        if found and not right:
            return Verdict(False, accused.format(name=name))
    return Verdict(True, f"you told {len(suspects)} of {len(suspects)} apart.")
