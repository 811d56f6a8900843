"""Whatever is wrong with an argument, the error names it."""

import inspect
import math
import re
from contextlib import suppress

import numpy as np
import pytest
import torch
import torch.nn as nn
import torchvision
from bad_input_cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import aecore as ae

examples = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
TAKES_NOTHING = {"pick_device", "History"}


class FakeSet:
    data, targets = torch.zeros(2, 28, 28, dtype=torch.uint8), torch.zeros(2)

    def __init__(self, *args, **kwargs):
        pass


@pytest.fixture(autouse=True, scope="module")
def _no_network_and_no_litter(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.datasets, "KMNIST", FakeSet)
        patch.chdir(tmp_path_factory.mktemp("here"))
        yield


def usual(name):
    """Arguments that are taken; those that are None by default are left out."""
    return {argument: good for argument, (good, _) in CASES[name][1].items() if good is not None}


def test_every_public_name_is_tested_with_bad_input():
    tested = {re.split(r"[ .]", name)[0] for name in CASES}
    assert tested | TAKES_NOTHING == set(ae.__all__)
    for name in set(CASES) & set(ae.__all__):  # and every argument of it
        assert set(CASES[name][1]) >= set(inspect.signature(CASES[name][0]).parameters) - {"kw"}
    assert set(CASES["fit"][1]) == set(inspect.signature(ae.fit).parameters) - {"progress"}
    assert set(CASES["evaluate"][1]) == set(inspect.signature(ae.evaluate).parameters)


@pytest.mark.parametrize("name", CASES)
def test_good_input_is_taken(name):
    CASES[name][0](**usual(name))


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, (_, arguments) in CASES.items() for argument in arguments]
)
def test_a_bad_argument_is_refused_by_name_and_told_what_it_is(name, argument):
    function, arguments = CASES[name]
    for bad in arguments[argument][1]:
        with pytest.raises((TypeError, ValueError)) as caught:
            function(**{**usual(name), argument: bad})
        told = str(caught.value)
        assert re.match(rf"{argument}\b", told), (bad, told)
        assert re.search(r"\bgot\b", told), (bad, told)


@st.composite
def junk_tensors(draw):
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    dtype = draw(
        st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool])
    )
    fill = draw(st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e30, -1e30, math.nan, math.inf, -math.inf]))
    tensor = torch.full(shape, fill, dtype=torch.float64)
    if draw(st.booleans()):
        tensor = tensor + torch.linspace(0, 1, max(1, tensor.numel())).double()[: tensor.numel()].view(shape)
    if dtype in (torch.int64, torch.bool):
        tensor = tensor.nan_to_num(0, 7, 7).clamp(-9, 9)
    return tensor.to(dtype)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 6),
    st.sampled_from([2**64, -(2**64), 10**400]),
    st.floats(),
    st.fractions(),
    st.complex_numbers(),
    st.text("ab é€0", max_size=4),  # no slash: a checkpoint may be written under this name
    st.binary(max_size=3),
    st.lists(st.integers(-2, 5), max_size=3),
    st.dictionaries(st.text(max_size=1), st.integers(0, 1), max_size=1),
    junk_tensors(),
    junk_tensors(),
    arrays(np.float32, array_shapes(max_side=3)),
    st.sampled_from([len, int, nn.ReLU, nn.Identity(), nn.Linear(4, 4), torch.Generator(), torch.float32, object()]),
    st.sampled_from([lambda *_: None, lambda *_: {}, lambda *_: {"a": torch.zeros(3)}, lambda x, *_: x]),
)


@pytest.mark.parametrize("name", CASES)
@examples
@given(data=st.data())
def test_junk_raises_nothing_but_type_and_value_errors(name, data):
    function, arguments = CASES[name]
    spoiled = data.draw(st.lists(st.sampled_from(sorted(arguments)), min_size=1, unique=True))
    junk = {argument: data.draw(JUNK, label=argument) for argument in spoiled}
    with suppress(TypeError, ValueError):
        function(**{**usual(name), **junk})


# Documentation

NO_FORMULA = {
    "History",
    "dataset",
    "evaluate",
    "pick_device",
    "value_checks",
}  # software, not science: no source to cite


@pytest.mark.parametrize("name", ae.__all__)
def test_every_public_name_says_what_it_takes_returns_and_raises_with_source_and_example(name):
    thing = getattr(ae, name)
    text = inspect.getdoc(thing)
    wanted = ["Example:\n    >>> "]
    if name not in NO_FORMULA:
        wanted.append("Source: ")
    if inspect.isfunction(thing):
        wanted.append("Returns:\n")
    if name not in TAKES_NOTHING:
        wanted += ["Args:\n", "Raises:\n"] if name != "dataset" else ["Args:\n"]
        for parameter in inspect.signature(thing).parameters:
            assert re.search(rf"^    .*\b{parameter}\b.*:", text, re.MULTILINE), parameter
    for part in wanted:
        assert part in text, part
    assert text.split("\n")[0].endswith((".", ":"))
