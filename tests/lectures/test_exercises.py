"""What holds for the check of every exercise, whatever its lecture; their own answers are in test_exercises_NN.py."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

import aecore.exercises as exercises

LECTURES = [
    import_module(f"{exercises.__name__}.{module.name}")
    for module in iter_modules(exercises.__path__)
    if module.name != "verdict"
]
EVERY_CHECK = [getattr(lecture, name) for lecture in LECTURES for name in lecture.__all__]


@pytest.mark.parametrize("check", EVERY_CHECK, ids=lambda check: check.__name__)
def test_an_unfinished_answer_is_told_so(check):
    verdict = check(lambda *arguments: None)
    assert not verdict
    assert "not done yet" in verdict.message


@pytest.mark.parametrize("check", EVERY_CHECK, ids=lambda check: check.__name__)
def test_an_answer_that_raises_is_told_what_it_raised(check):
    def broken(*arguments):
        raise RuntimeError("no such thing")

    assert check(broken).message == "broken raised RuntimeError: no such thing"
