"""Two objectives have one description if they are the same, and their descriptions name what differs if not."""

import argparse
import collections
import copy
import enum
import functools
import itertools
import re
import sys
import types

import numpy as np
import pytest
import torch
import torch.nn as nn

import aecore as ae
from aecore.training.identity import describe, differences, state

SCALE = 1.0
TABLE = torch.arange(3.0)


def told(then, now, **options):
    return differences(describe({"it": then}, **options), describe({"it": now}, **options))


def defined(source, name="f", **variables):
    """What source defines, as a script run anew defines it."""
    variables = {"__name__": "__main__", "torch": torch, "ae": ae, "np": np, "nn": nn, **variables}
    exec(source, variables)
    return variables[name]


def scaled(scale):
    return lambda x: scale * x


def with_default(scale):
    def f(x, scale=scale, *, shift=scale):
        return scale * x + shift

    return f


def noted(value, scale=3):
    def f(x):
        return scale * x + later

    f.scale = value  # under the name of a variable
    if value == 0:
        later = 1
    return f


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return self.scale * x

    def other(self, x):
        return x


class Slotted:
    __slots__ = ("scale",)

    def __init__(self, scale):
        self.scale = scale


class Loss(nn.Module):
    def __init__(self, scale, width=3):
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.features = scale, nn.Linear(3, width)


class Kind(enum.Enum):
    L1 = 1
    L2 = 2


def changed(module, change):
    module = copy.deepcopy(module)
    change(module)
    return module


def hooked(scale):
    return changed(nn.Linear(2, 2), lambda layer: layer.register_forward_hook(lambda m, x, y: scale * y))


def weight_hooked(scale):
    layer = nn.Linear(2, 2)
    layer.weight.register_hook(lambda gradient: scale * gradient)
    return layer


READS = "def f(x):\n    return {} * x"
DIFFERENT = {
    "a number": (1.0, 2.0, "it 1.0, now 2.0"),
    "nan": (1.0, float("nan"), "it 1.0, now 'nan'"),
    "a number of numpy": (np.float32(0.5), np.float32(0.25), "it 0.5, now 0.25"),
    "a word": ("bernoulli", "gaussian", "it 'bernoulli', now 'gaussian'"),
    "an option": (Kind.L1, Kind.L2, "it 'Kind.L1', now 'Kind.L2'"),
    "a dtype": (torch.float32, torch.float64, "it 'torch.float32', now 'torch.float64'"),
    "a pair": ((3, 3), (3, 5), r"it '\[3, 3\]', now '\[3, 5\]'"),
    "a long list": ([0.0] * 99 + [1.0], [0.0] * 100, "it 'list of 100, "),
    "an entry under a function": (({torch.relu: 1}, {torch.relu: 2}, r"it\[0\] 1, now 2$")),
    "the shape of a tensor without values": (TABLE.to("meta"), TABLE.to("meta")[None], r"now 'Tensor \(1, 3\)"),
    "an attribute of a function": (noted(1), noted(2), "it.scale' 1, now 2$"),
    "an entry": ({"beta": 1.0, "k": 1}, {"beta": 2.0, "k": 1}, r"it\['beta'\] 1.0, now 2.0$"),
    "a set": ({"a", "b"}, {"a", "c"}, "it "),
    "an element of a tensor": (TABLE, TABLE + torch.tensor([0, 0, 1.0]), "it "),
    "the shape of a tensor": (TABLE, TABLE[None], r"it '\(3,\) torch"),
    "an array": (np.zeros(3), np.ones(3), "it.content "),
    "a function": (scaled(1), with_default(1), "it 'function <lambda>, code .*, now 'function f, code "),
    "two lambdas on one line": (*[lambda x: x + 1, lambda x: x + 2], "it 'function <lambda>, code "),
    "a function inside": (*(defined(f"f = lambda x: (lambda y: y {op} x)") for op in "+-"), "it 'function"),
    "what it calls": (*(defined(f"def f(x):\n    return x.{name}()") for name in ("sum", "mean")), "it 'function"),
    "a constant": (*(defined(READS.format(number)) for number in (1.5, 2.5)), "it 'function"),
    "a variable around it": (scaled(0.5), scaled(0.7), "it.scale 0.5, now 0.7$"),
    "a tensor around it": (scaled(TABLE), scaled(TABLE + 1), r"it.scale '\(3,\)"),
    "a default": (with_default(0.5), with_default(0.7), "it by default.scale 0.5, now 0.7; it by default.shift 0.5"),
    "a global number": (*(defined(READS.format("S"), S=scale) for scale in (1, 2)), "it.S 1, now 2$"),
    "a global tensor": (*(defined(READS.format("S"), S=TABLE + scale) for scale in (1, 2)), r"it.S '\(3,\)"),
    "a global function": (*(defined(READS.format("S"), S=scaled(scale)) for scale in (1, 2)), "it.S.scale 1, now 2$"),
    "a global read in a lambda inside": (
        *(defined("f = lambda x: [(lambda: S * y)() for y in x]", S=scale) for scale in (1, 2)),
        "it.S 1, now 2$",
    ),
    "an option of a script": (
        *(defined(READS.format("o.beta"), o=argparse.Namespace(beta=beta, epochs=3)) for beta in (1, 2)),
        "it.o.beta 1, now 2$",
    ),
    "a number of an own module": (
        *(defined(READS.format("m.SCALE"), m=types.SimpleNamespace(SCALE=scale)) for scale in (1, 2)),
        "it.m.SCALE 1, now 2$",
    ),
    "an argument of a partial": (
        functools.partial(ae.mask, rate=0.2),
        functools.partial(ae.mask, rate=0.5),
        "it.rate 0.2, now 0.5$",
    ),
    "the function of a partial": (
        functools.partial(ae.mask, rate=0.2),
        functools.partial(ae.salt_and_pepper, rate=0.2),
        "it 'function aecore.data.mask', now 'function aecore.data.salt_and_pepper'$",
    ),
    "a function of torch": (torch.relu, torch.tanh, "relu', now '.*tanh'$"),
    "a function of numpy": (np.sin, np.cos, "it 'ufunc sin', now 'ufunc cos'$"),
    "what vmap maps": (torch.func.vmap(scaled(1)), torch.func.vmap(scaled(2)), "it.func.scale 1, now 2$"),
    "what a cache keeps": (functools.cache(scaled(1)), functools.cache(scaled(2)), "it.wrapped.scale 1, now 2$"),
    "an object's number": (Scaled(0.5), Scaled(0.7), "it.scale 0.5, now 0.7$"),
    "an object's slot": (Slotted(0.5), Slotted(0.7), "it.scale 0.5, now 0.7$"),
    "the object of a method": (Scaled(0.5).__call__, Scaled(0.7).__call__, "it.self.scale 0.5, now 0.7$"),
    "a method": (Scaled(0.5).__call__, Scaled(0.5).other, "it 'function __call__, .*, now 'function other, "),
    "a class": (
        *(defined(f"class A:\n    def g(self):\n        return {number}\nf = A()", number=1) for number in (1, 2)),
        "it.class.g 'function g, code ",
    ),
    "a base class": (
        *(defined(f"class B:\n    def g(self):\n        return {n}\nclass A(B): pass\nf = A()") for n in (1, 2)),
        "it.class from B.g 'function g, code ",
    ),
    "what an exception ends": (
        *(
            defined(f"def f(x):\n    try:\n        x()\n{then}{rest}")
            for then, rest in (
                ("        x()\n", "    except OSError:\n        pass"),
                ("    except OSError:\n        pass\n", "    else:\n        x()"),
            )
        ),
        "it 'function f, code ",
    ),
    "a property": (
        *(defined(f"class A:\n    @property\n    def g(self):\n        return {n}\nf = A()") for n in (1, 2)),
        "it.class.g.fget 'function g, code ",
    ),
    "a distribution": (torch.distributions.Normal(0, 1.0), torch.distributions.Normal(0, 2.0), r"it.scale '\(\)"),
    "the seed of a generator": (
        torch.Generator().manual_seed(1),
        torch.Generator().manual_seed(2),
        "it 'generator with seed 1', now 'generator with seed 2'$",
    ),
    "a layer's number": (nn.Dropout(0.2), nn.Dropout(0.5), "it.p 0.2, now 0.5$"),
    "a layer": (nn.Tanh(), nn.Dropout(0.5), "it 'Tanh', now 'Dropout'$"),
    "a layer's weights": (nn.Sequential(Loss(1)), nn.Sequential(Loss(1, 4)), "it.0.features.weight '"),
    "a module's number": (Loss(1.0), Loss(2.0), "it.scale 1.0, now 2.0$"),
    "a bias": (nn.Linear(2, 2), nn.Linear(2, 2, bias=False), "it.bias '.*', now None"),
    "a frozen weight": (Loss(1), Loss(1).requires_grad_(False), "it.features.weight.requires_grad True, now False"),
    "the mode of a layer": (Loss(1), changed(Loss(1), lambda m: m.features.eval()), "it.features.training True, now F"),
    "a shared weight": (
        *(
            changed(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), change)
            for change in (
                lambda m: m[1].load_state_dict(m[0].state_dict()),
                lambda m: setattr(m[1], "weight", m[0].weight),
            )
        ),
        "it.1.weight .*, now 'the same as it.0.weight'",
    ),
    "a hook": (hooked(1), hooked(2), r"it.forward_hooks\[0\].scale 1, now 2"),
    "a hook of a weight": (weight_hooked(1), weight_hooked(2), r"it.weight.backward_hooks\[0\].scale 1, now 2"),
    "what a module was given": (
        *(changed(nn.Linear(2, 2), lambda m, f=f: setattr(m, "forward", f)) for f in (scaled(1), scaled(2))),
        "it.forward.scale 1, now 2",
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_is_named(what):
    then, now, expected = DIFFERENT[what]
    torch.manual_seed(0)
    assert told(then, then) == ""
    found = told(then, now, trained=nn.Module() if "hook" in what or "given" in what else None)
    assert found
    assert re.search(expected, found), found


COUNTED = "class A:\n    def g(self, x):\n        return {'a', 'b', S} & {x}\n"
SAME = {
    "a function defined again": lambda: defined("def f(x, k=2):\n    return S * x ** k", S=TABLE),
    "a class defined again": lambda: defined(COUNTED + "f = A().g", S=1),
    "a lambda in a list": lambda: [scaled(1), scaled(2)][0],
    "a random state that goes on": lambda: scaled(advanced()),
    "a counter": lambda: scaled(itertools.count(len(calls))),
    "an open file": lambda: scaled(open(__file__)),  # noqa: SIM115
    "a module": lambda: Loss(1),
    "a set": lambda: scaled({0, 8} if len(calls) % 2 else {8, 0}),
    "a writer of logs": lambda: scaled(Writer(len(calls))),
    "an ordered dict": lambda: collections.OrderedDict(a=scaled(1)),
    "a default dict": lambda: collections.defaultdict(list, a=[scaled(1)]),
}
calls = []


class Writer:
    """As torch's: of a package whose objects count by attributes, but it can be closed."""

    __module__ = "torch.utils.tensorboard.writer"

    def __init__(self, step):
        self.step = step

    def close(self):
        pass


def advanced():
    generator = torch.Generator().manual_seed(5)
    torch.rand(len(calls), generator=generator)
    return generator


@pytest.mark.parametrize("what", SAME)
def test_what_is_the_same_is_told_to_be(what):
    then = SAME[what]()
    calls.append(1)
    assert told(then, SAME[what]()) == ""


def test_comments_and_places_do_not_count():
    then = defined("def f(x):\n    return 2 * x")
    now = defined("\n\n\ndef f(x):\n    # twice\n    return 2 * x")
    assert told(then, now) == ""


def test_what_torch_compiles_is_what_it_was():
    layer = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2))
    assert told(layer, torch.compile(layer, backend="eager")) == ""
    parts = nn.Sequential(torch.compile(layer[0], backend="eager"), layer[1])
    assert told(layer, parts) == ""
    assert state(torch.compile(parts, backend="eager")).keys() == layer.state_dict().keys()
    assert told(scaled(1), torch.compile(scaled(1), backend="eager")) == ""
    assert told(scaled(1), torch.compile(scaled(2), backend="eager")) == "it.scale 1, now 2"


def test_where_a_run_takes_place_does_not_count():
    assert told(scaled(torch.device("cpu")), scaled(torch.device("meta"))) == ""


def test_a_wrapper_of_torch_counts_by_name_and_what_it_wraps_by_code():
    facts = describe({"it": torch.func.vmap(scaled(2))})
    assert facts["it"].startswith("function torch.")
    assert facts["it.func.scale"] == 2
    assert not any("globals" in name or "vmap_impl" in name for name in facts)


def test_a_script_is_the_callers_own_also_when_a_tool_of_a_package_runs_it(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/somewhere/site-packages/tool/__main__.py", raising=False)
    assert told(*(defined(READS.format("S"), S=scale) for scale in (1, 2))) == "it.S 1, now 2"


def test_circles_end():
    ring = [scaled(1)]
    ring.append(ring)
    first, second = types.ModuleType("first"), types.ModuleType("second")
    first.second, second.first, second.SCALE = second, first, 3
    function = defined("def f(x):\n    return first.second.first.second.SCALE * f(x)", first=first)
    facts = describe({"it": ring, "f": function})
    assert facts["it[1]"] == "the same as it"
    assert facts["f.first.second.SCALE"] == 3
    assert facts["f.f"] == "the same as f"


def test_code_of_an_installed_package_counts_by_name_unless_it_is_asked_for():
    assert describe({"it": ae.mask}) == {"it": "function aecore.data.mask"}
    assert describe({"it": ae.mask}, own="aecore")["it"].startswith("function mask, code ")


def test_a_long_list_of_differences_is_cut_short():
    assert differences({str(n): 1 for n in range(9)}, {}).endswith("; 5 1, now missing; and 3 more")
