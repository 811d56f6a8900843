"""What a check says of an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import torch
from torch import Tensor

__all__ = ["Verdict", "answer", "close", "judge", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check: true if the answer is right, and a sentence either way.

    Example:
        >>> from aecore.exercises import Verdict
        >>> Verdict(False, "you averaged over the pixels")
        Not yet: you averaged over the pixels
    """

    ok: bool
    message: str

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"{'Correct' if self.ok else 'Not yet'}: {self.message}"


class NotYet(Exception):
    """An answer that cannot be judged further; the message is the diagnosis."""


def answer(function: Callable, *arguments) -> Tensor:
    """Call the student's function; turn nothing, or an exception, into a diagnosis."""
    try:
        value = function(*arguments)
    except Exception as error:
        raise NotYet(f"{function.__name__} raised {type(error).__name__}: {error}") from error
    if value is None or value is ...:
        raise NotYet(f"not done yet: {function.__name__} returns nothing")
    return value


def close(value: object, expected: Tensor, tolerance: float = 1e-4) -> bool:
    """Same shape, and equal up to a relative tolerance."""
    value = torch.as_tensor(value)
    return value.shape == expected.shape and torch.allclose(
        value.to(expected.dtype), expected, rtol=tolerance, atol=tolerance
    )


def judge(value: object, expected: Tensor, praise: str, mistakes: dict[str, Tensor]) -> Verdict:
    """Right, or the first known mistake that gives this very value, or else a plain comparison."""
    if close(value, expected):
        return Verdict(True, praise)
    for diagnosis, wrong in mistakes.items():
        if close(value, wrong):
            return Verdict(False, diagnosis)
    value = torch.as_tensor(value)
    if value.shape != expected.shape:
        return Verdict(False, f"the result has shape {tuple(value.shape)}, it should be {tuple(expected.shape)}")
    worst = (value.double() - expected.double()).abs().max().item()
    return Verdict(False, f"the shape is right, but the values differ by up to {worst:.3g}")


def verdict(check: Callable[[Callable], Verdict]) -> Callable[[Callable], Verdict]:
    """A check that ends in `NotYet` gives that diagnosis."""

    @wraps(check)
    def checked(function: Callable) -> Verdict:
        try:
            return check(function)
        except NotYet as diagnosis:
            return Verdict(False, str(diagnosis))

    return checked
