"""What a mutant is: one file with one passage exchanged, and the tests of which one must fail."""

from typing import NamedTuple

__all__ = ["Mutant", "mutants_of"]


class Mutant(NamedTuple):
    """`wrong` takes the place of `right`, which occurs exactly once in `file`."""

    mistake: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


def mutants_of(file: str, tests: str, *changes: tuple[str, str, str]) -> list[Mutant]:
    """The mutants of one file, each `(mistake, right, wrong)`; `tests` are the files of tests, separated by spaces."""
    return [Mutant(mistake, file, right, wrong, tuple(tests.split())) for mistake, right, wrong in changes]
