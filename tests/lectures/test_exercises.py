"""What holds for the check of every exercise, whatever its lecture; their own answers are in test_exercises_NN.py."""

import functools
import inspect
import random
import re
from importlib import import_module
from pkgutil import iter_modules

import nbformat
import pytest
import torch
from pages import ROOT
from torch import Tensor, nn

import aelab.exercises as exercises
from aelab.exercises.verdict import answer, as_tensor, judge, verdict

LECTURES = [
    import_module(f"{exercises.__name__}.{module.name}")
    for module in iter_modules(exercises.__path__)
    if module.name != "verdict"
]
CHECKS = {name: getattr(lecture, name) for lecture in LECTURES for name in lecture.__all__}
RIGHT = {
    name: function
    for number in range(1, len(LECTURES) + 1)
    for name, function in import_module(f"test_exercises_{number:02}").RIGHT.items()
}
every_check = pytest.mark.parametrize("name", CHECKS)
# Where the right answer itself does not need an argument: its place.
UNUSED = {"check_used_dimensions": [1]}


def test_every_check_has_a_right_answer_that_is_tried_here():
    assert set(CHECKS) == set(RIGHT)


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda lecture: lecture.__name__.rsplit(".", 1)[-1])
def test_a_lecture_uses_each_of_its_checks_under_its_number(lecture):
    numbers = {name: re.match(r"Exercise (\d\.\d+):", getattr(lecture, name).__doc__)[1] for name in lecture.__all__}
    (path,) = (ROOT / "chapters").glob(f"0{min(numbers.values())[0]}-*.ipynb")
    used, number = {}, ""
    for cell in nbformat.read(path, 4).cells:
        number = (re.findall(r"\*\*Exercise (\d\.\d+) ", cell.source) or [number])[-1]
        if "exercise" in cell.metadata.get("tags", []):
            used |= dict.fromkeys(re.findall(r"exercise\.(check_\w+)", cell.source), number)
    assert used == numbers


def arguments_of(name) -> int:
    """How many arguments the answer to a check takes."""
    counts = []

    def count(*arguments):
        counts.append(len(arguments))

    CHECKS[name](count)
    return counts[0]


def zero(argument) -> bool:
    """Zero, in place, all that can be; whether anything can."""
    if isinstance(argument, nn.Module):
        return any([zero(parameter) for parameter in argument.parameters()])
    if isinstance(argument, Tensor):
        argument.data.zero_()
        return True
    if isinstance(argument, list):
        argument[:] = [0] * len(argument)
        return True
    return False


@every_check
def test_an_answer_that_changes_an_argument_is_diagnosed(name):
    """Each argument in its turn, after the right result was computed from it; the check's own numbers then differ."""
    for place in range(arguments_of(name)):
        changed = []

        def zeroing(*arguments, place=place, changed=changed):
            result = RIGHT[name](*arguments)
            changed.append(zero(arguments[place]))
            return result

        outcome = CHECKS[name](zeroing)
        if changed[0]:
            word = ("first", "second", "third", "fourth")[place]
            assert outcome.message.startswith(f"zeroing changed its {word} argument"), outcome
        else:
            assert outcome, outcome


@every_check
def test_a_result_in_the_place_of_the_function_is_diagnosed(name):
    results = []

    def keeping(*arguments):
        results.append(RIGHT[name](*arguments))
        return results[-1]

    assert CHECKS[name](keeping)
    for result in (results[0], None, ..., "abc", 1, 0.5, torch.ones(3), [print]):
        outcome = CHECKS[name](result)
        assert not outcome
        assert "give the function itself" in outcome.message, result


STRANGE = {
    "a word": lambda *arguments: "abc",
    "true": lambda *arguments: True,
    "a function": lambda *arguments: print,
    "a dictionary": lambda *arguments: {"loss": "abc"},
    "an empty dictionary": lambda *arguments: {},
    "a set": lambda *arguments: {1, 2},
    "nothing in a list": lambda *arguments: [],
    "two words": lambda *arguments: ("abc", "def"),
    "two nothings": lambda *arguments: (None, None),
    "three values": lambda *arguments: (torch.ones(()), torch.ones(()), torch.ones(())),
    "a number": lambda *arguments: 0.25,
    "a great number": lambda *arguments: 10**400,
    "a negative integer": lambda *arguments: -1,
    "nan": lambda *arguments: float("nan"),
    "infinity": lambda *arguments: -float("inf"),
    "an empty tensor": lambda *arguments: torch.ones(0),
    "empty integers": lambda *arguments: torch.ones(0, dtype=torch.long),
    "a tensor of nan": lambda *arguments: torch.full((6, 1), torch.nan),
    "a complex tensor": lambda *arguments: torch.ones(3, dtype=torch.complex64),
    "a sparse tensor": lambda *arguments: torch.ones(3, 3).to_sparse(),
    "a tensor without values": lambda *arguments: torch.ones(3, device="meta"),
    "integers": lambda *arguments: torch.arange(6),
    "great integers": lambda *arguments: torch.full((15,), 2**40),
    "truths": lambda *arguments: torch.ones(6, dtype=torch.bool),
    "half precision": lambda *arguments: torch.ones(6, dtype=torch.float16),
    "a high rank": lambda *arguments: torch.ones(1, 1, 1, 1, 1, 1),
    "random numbers": lambda *arguments: torch.rand(6),
    "a constant of another size": lambda *arguments: torch.zeros(7, 7, requires_grad=True),
    "a module": lambda *arguments: nn.Identity(),
    "a module that gives no tensor": lambda *arguments: Strange(),
    "a module with the wrong arguments": lambda *arguments: nn.Bilinear(2, 2, 2),
    "arguments": lambda *arguments: arguments,
    "the first argument": lambda *arguments: arguments[0],
    "a generator": lambda *arguments: (number for number in range(2)),
    "nothing": lambda *arguments: None,
    "dots": lambda *arguments: ...,
}


class Strange(nn.Module):
    """Has as many parameters as the answer to exercise 1.5 should have."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(24))

    def forward(self, x):
        return {"x": x}


@every_check
def test_a_strange_result_is_not_right_and_raises_nothing(name):
    outcomes = {strange: CHECKS[name](function) for strange, function in STRANGE.items()}
    assert {strange: outcome for strange, outcome in outcomes.items() if outcome} == {}
    assert all(outcome.message for outcome in outcomes.values())


@every_check
def test_an_unfinished_answer_is_diagnosed(name):
    verdict = CHECKS[name](lambda *arguments: None)
    assert repr(verdict).startswith("Not done yet: ")
    assert not verdict.done


@every_check
def test_an_answer_that_raises_is_diagnosed_with_the_error(name):
    for error in (RuntimeError, KeyError, AssertionError, NotImplementedError, RecursionError):

        def broken(*arguments, error=error):
            raise error("no such thing")

        message = CHECKS[name](broken).message
        assert message.startswith(f"broken raised {error.__name__}: ")
        assert "no such thing" in message


@every_check
def test_an_answer_of_another_number_of_arguments_is_diagnosed(name):
    assert "raised TypeError" in CHECKS[name](lambda: 1).message


@every_check
def test_an_answer_that_ignores_an_argument_is_not_right(name):
    """As if the argument were always what it was at the first call."""
    for place in range(arguments_of(name)):
        seen = []

        def frozen(*arguments, place=place, seen=seen):
            seen.append(arguments[place])
            return RIGHT[name](*arguments[:place], seen[0], *arguments[place + 1 :])

        assert bool(CHECKS[name](frozen)) == (place in UNUSED.get(name, [])), place


@every_check
def test_an_answer_that_knows_the_result_by_heart_is_not_right(name):
    results = []

    def constant(*arguments):
        results.append(RIGHT[name](*arguments))
        return results[0]

    assert not CHECKS[name](constant)


@every_check
def test_a_right_answer_may_print_and_draw_and_need_not_have_a_name(name, capsys):
    def talking(*arguments, then):
        print("called")
        torch.rand(3), random.random()
        return then(*arguments)

    assert CHECKS[name](functools.partial(talking, then=RIGHT[name]))
    assert "called" in capsys.readouterr().out


@every_check
def test_a_check_leaves_the_random_state_as_it_was(name):
    before = torch.get_rng_state()
    CHECKS[name](RIGHT[name])
    CHECKS[name](lambda *arguments: torch.rand(3))
    assert torch.equal(torch.get_rng_state(), before)


@every_check
def test_a_check_takes_one_argument(name):
    assert list(inspect.signature(CHECKS[name]).parameters) == ["function"]


def shifted(value, by):
    """The result moved by random numbers of this size, as a mean over too few samples would be."""
    if isinstance(value, tuple):
        return tuple(shifted(part, by) for part in value)
    if isinstance(value, dict):
        return {key: shifted(part, by) for key, part in value.items()}
    return torch.as_tensor(value) + by * torch.rand(())


# What is random in itself, and what is no number.
RANDOM = ("check_codec_loss", "check_detective", "check_interval", "check_tied", "check_mask")


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {*RANDOM, "check_used_dimensions"}))
def test_noise_on_a_right_result_is_noticed(name):
    assert not CHECKS[name](lambda *arguments: shifted(RIGHT[name](*arguments), 5.0))


@verdict
def check_half(function, case):
    x = torch.linspace(0, 1, 5 + case)
    return judge(answer(function, x), x / 2, "half.", {})


def test_too_few_digits_are_diagnosed():
    assert check_half(lambda x: x / 2)
    assert check_half(lambda x: (x / 2).double())
    assert check_half(lambda x: (x / 2).tolist())
    assert check_half(lambda x: (x / 2).numpy())
    message = check_half(lambda x: x.half() * 0.505).message
    assert message.startswith("torch.float16 keeps too few digits")
    assert "bfloat16" in check_half(lambda x: (x / 2).bfloat16() * 1.01).message
    assert "holds nan" in check_half(lambda x: x / 2 + torch.nan).message
    assert "right for some arguments" in check_half(lambda x: torch.linspace(0, 0.5, 5)).message


def test_integers_and_truths_are_numbers():
    assert as_tensor(3).item() == 3
    assert as_tensor([1, 2]).tolist() == [1, 2]
    assert not check_half(lambda x: torch.ones(5, dtype=torch.bool))
