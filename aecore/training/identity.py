"""What decides a run, as facts that another process can compare: `describe` names them and gives their values.

What a checkpoint does not restore must be the same when a run goes on. So all that a model, a loss and a corruption
are made of counts:

- a number, a string, a tensor, an array: by value;
- a Python function: by name and bytecode, by its defaults, and by what it reads: variables of an enclosing function
  or of its module. Bytecode is there where source is not (`python -c`, a notebook), tells two lambdas of one line
  apart and ignores comments; it changes with the version of Python;
- a `functools.partial`, a bound method, a container: by what they hold;
- an object: by class, with the code of its methods, and by attributes;
- a module: also by hooks, by weights that are frozen or shared, and by submodules in another mode than the model's.
  Its weights count by value, unless it is the model in training, whose weights a checkpoint restores.

Not compared: C extensions, installed packages and `aecore` itself, which count by name; objects of packages without
tensors (files, progress bars, counters, loggers), which count by class; what a function opens or imports while it
runs; the device.
"""

import argparse
import functools
import hashlib
import inspect
import math
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from numbers import Number
from pathlib import Path, PurePath

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor

from aecore.training import bytecode

Fact = bool | int | float | str | None

_CONTAINERS = (list, tuple, set, frozenset, deque)
_DESCRIPTORS = (staticmethod, classmethod, property, functools.cached_property)
_NAMESPACES = (types.ModuleType, types.SimpleNamespace, argparse.Namespace)
_PLAIN = (Number, range, slice, PurePath, type(...), torch.dtype, torch.layout, torch.memory_format)
_OF_NUMBERS = {"aecore", "numpy", "scipy", "sklearn", "torch", "torchvision"}  # packages whose attributes count
_OF_EVERY_MODULE = {*vars(nn.Module()), "_compiled_call_impl", "_is_torch_compile"}


def describe(values: Mapping[str, object], *, trained: nn.Module | None = None, own: str = "") -> dict[str, Fact]:
    """What `values` are made of, in one flat dict: the name of each part, and its value.

    Args:
        values: what is described, by name. The name of each begins the names of its parts.
        trained: the module whose weights and buffers a checkpoint restores. They do not count.
        own: a package whose code counts even where it is installed, as a script's code does.

    Returns:
        Facts that JSON can hold. Two descriptions are equal if nothing differs that can be compared.

    Example:
        >>> from torch import nn
        >>> describe({"layer": nn.Dropout(0.2)})
        {'layer': 'Dropout', 'layer.inplace': False, 'layer.p': 0.2, 'layer.training': True}
        >>> import aecore as ae, functools
        >>> describe({"corrupt": functools.partial(ae.mask, rate=0.5)})
        {'corrupt': 'function aecore.data.mask', 'corrupt.rate': 0.5}
    """
    description = _Description(trained, own)
    for name, value in values.items():
        description.add(name, value)
    return description.facts


def describe_run(model: nn.Module, loss: object, corrupt: object, optimizer: torch.optim.Optimizer) -> dict[str, Fact]:
    """What decides a run of `fit`, apart from its data and the numbers that it is called with."""
    names = ("betas", "eps", "weight_decay", "amsgrad", "maximize")  # these exist in every version of torch
    settings: dict[str, object] = {
        f"optimizer.{name}": [group.get(name) for group in optimizer.param_groups] for name in names
    }
    kind = next(model.parameters()).device.type
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    settings |= {"autocast": precision, "default_dtype": torch.get_default_dtype()}
    parts = {"model": model, "loss": loss, "corrupt": corrupt, "optimizer": type(optimizer).__name__, **settings}
    return describe(parts, trained=model)


def differences(then: Mapping[str, object], now: Mapping[str, object], most: int = 6) -> str:
    """How two descriptions differ, as in "beta 1.0, now 20.0"; "" if they do not."""
    told: dict[str, str] = {}
    for name in {**then, **now}:
        if name in then and name in now:
            if then[name] != now[name]:
                told[name] = f"{then[name]!r}, now {now[name]!r}"
        elif not any(name.startswith(f"{whole}.") for whole in told):  # a part of what is another one anyway
            told[name] = f"{then[name]!r}, now missing" if name in then else f"missing, now {now[name]!r}"
    listed = [f"{name} {values}" for name, values in told.items()]
    return "; ".join(listed[:most]) + (f"; and {len(listed) - most} more" if len(listed) > most else "")


def fingerprint(tensor: Tensor) -> str:
    """Shape, dtype, and 64 bits of the SHA-256: other images, or another order. 0.2 s for 60,000 of MNIST."""
    tensor = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
    return f"{tuple(tensor.shape)} {tensor.dtype} {hashlib.sha256(content(tensor)).hexdigest()[:16]}"


def content(tensor: Tensor) -> memoryview:
    """The bytes of a tensor, in the order of its elements."""
    tensor = tensor.resolve_conj().resolve_neg().cpu().contiguous()
    return tensor.view(-1).view(torch.uint8).numpy().data


def state(model: nn.Module, keep_vars: bool = False) -> dict[str, object]:
    """`model.state_dict()` under the names that it has without `torch.compile`."""
    return {name.replace("_orig_mod.", ""): value for name, value in model.state_dict(keep_vars=keep_vars).items()}


class _Description:
    """The facts so far, and where each object was met: an object that is met again is named, not described."""

    def __init__(self, trained: nn.Module | None, own: str) -> None:
        self.facts: dict[str, Fact] = {}
        self.own = own
        self.seen: dict[int, tuple[str, object]] = {}  # with the object: an id is unique only while it lives
        self.namespaces: set[tuple[int, frozenset[str]]] = set()
        restored = {} if trained is None else state(trained, keep_vars=True)
        self.restored = {id(part): name for name, part in reversed(restored.items())}  # of shared ones the first name
        self.modes = {} if trained is None else {id(module): trained.training for module in trained.modules()}

    def add(self, path: str, value: object) -> None:
        value = _not_compiled(value)
        if value is None or (fact := _fact(value)) is not None:
            self.put(path, None if value is None else fact)
        elif id(value) in self.seen:
            self.put(path, f"the same as {self.seen[id(value)][0]}")
        else:
            self.seen[id(value)] = path, value
            next(method for kind, method in _METHODS if isinstance(value, kind))(self, path, value)

    def put(self, path: str, fact: Fact) -> None:
        while path in self.facts:
            path += "'"
        self.facts[path] = fact

    def group(self, path: str, values: Mapping[str, object]) -> None:
        for name in sorted(values):
            self.add(f"{path}.{name}", values[name])

    def mapping(self, path: str, value: Mapping[object, object]) -> None:
        self.put(path, f"{type(value).__name__} of {len(value)}")
        for index, (key, item) in enumerate(value.items()):
            fact = _fact(key)
            if fact is None:
                self.add(f"{path}.key {index}", key)
            self.add(f"{path}[{index if fact is None else repr(fact)}]", item)

    def container(self, path: str, value: Iterable[object]) -> None:
        self.put(path, type(value).__name__)
        for index, item in enumerate(value):
            self.add(f"{path}[{index}]", item)

    def tensor(self, path: str, value: Tensor) -> None:
        try:
            self.put(path, self.restored.get(id(value)) or fingerprint(value))
        except (RuntimeError, TypeError):  # one without values
            self.put(path, f"{type(value).__name__} {tuple(value.shape)} {value.dtype}")

    def array(self, path: str, value: object) -> None:
        array = np.asarray(value)
        content = array.tolist() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
        self.put(path, f"{array.shape} {array.dtype}")
        self.add(f"{path}.content", content)

    def generator(self, path: str, value: torch.Generator) -> None:
        self.put(path, f"generator with seed {value.initial_seed()}")

    # Code

    def function(self, path: str, function: types.FunctionType) -> None:
        module = function.__globals__.get("__name__")  # `functools.wraps` makes __module__ the wrapped function's
        if self.installed(module):
            self.put(path, f"function {module}.{function.__qualname__}")
            if function.__closure__:  # a wrapper, such as torch.func.vmap's, holds the caller's function
                self.group(path, inspect.getclosurevars(function).nonlocals)
            return
        self.put(path, f"function {function.__name__}, code {_digest(bytecode.instructions(function.__code__))}")
        for name, value in sorted(bytecode.variables(function).items()):
            self.variable(f"{path}.{name}", value, bytecode.attributes(function))
        self.group(f"{path} by default", bytecode.defaults(function))
        self.group(path, {name: value for name, value in vars(function).items() if name != "__wrapped__"})

    def variable(self, path: str, value: object, attributes: set[str]) -> None:
        """What a function reads. Of a module or a namespace, only the attributes that its code names."""
        if not isinstance(value, _NAMESPACES):
            self.add(path, value)
        elif isinstance(value, types.ModuleType) and self.installed(value.__name__):
            self.put(path, f"module {value.__name__}")
        elif (key := (id(value), frozenset(attributes))) not in self.namespaces:  # modules may import each other
            self.namespaces.add(key)
            for name in sorted(attributes & vars(value).keys()):
                self.variable(f"{path}.{name}", vars(value)[name], attributes)

    def method(self, path: str, value: types.MethodType | types.BuiltinMethodType) -> None:
        of = value.__self__
        if isinstance(value, types.MethodType):
            self.add(path, value.__func__)
        else:
            self.put(path, f"function {value.__module__}.{value.__qualname__}")
        if not isinstance(of, (types.ModuleType, type, type(None))):
            self.add(f"{path}.self", of)

    def partial(self, path: str, value: "functools.partial[object]") -> None:
        self.add(path, value.func)
        self.group(path, {f"argument {index}": argument for index, argument in enumerate(value.args)})
        self.group(path, value.keywords)

    def descriptor(self, path: str, value: object) -> None:
        self.put(path, type(value).__name__)
        for name in ("__func__", "fget", "fset", "func", "__wrapped__"):
            if inspect.isfunction(inner := getattr(value, name, None)):
                self.add(f"{path}.{name.strip('_')}", inner)

    def of_class(self, path: str, value: type) -> None:
        if self.installed(value.__module__):
            self.put(path, f"class {value.__module__}.{value.__qualname__}")
            return
        self.put(path, f"class {value.__name__}")
        code = (types.FunctionType, *_DESCRIPTORS)
        parts = {name: part for name, part in vars(value).items() if name[:2] != "__" or isinstance(part, code)}
        self.group(path, {name: part for name, part in parts.items() if not inspect.isgetsetdescriptor(part)})
        for base in value.__bases__:
            self.add(f"{path} from {base.__name__}", base)

    # Objects

    def instance(self, path: str, value: object, attributes: Mapping[str, object]) -> None:
        name = getattr(value, "__name__", "")  # of what is a function, written in C
        self.put(path, f"{type(value).__qualname__} {name}".strip())
        if not self.installed(type(value).__module__):
            self.add(f"{path}.class", type(value))
        self.group(path, attributes)

    def other(self, path: str, value: object) -> None:
        kind = type(value)
        if inspect.isfunction(getattr(value, "__wrapped__", None)):  # functools.cache
            self.descriptor(path, value)
            return
        if hasattr(kind, "__array__") or hasattr(kind, "__array_interface__"):
            self.array(path, value)
            return
        # What can be closed is a file of some kind, such as torch's writer of logs.
        numbers = kind.__module__.partition(".")[0] in _OF_NUMBERS and not hasattr(kind, "close")
        if not (numbers or isinstance(value, _NAMESPACES)) and self.installed(kind.__module__):
            self.instance(path, value, {})
            return
        slots = [name for base in kind.__mro__ for name in vars(base) if inspect.ismemberdescriptor(vars(base)[name])]
        found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        found |= getattr(value, "__dict__", {})
        self.instance(path, value, {name: part for name, part in found.items() if name[:2] != "__"})

    def layer(self, path: str, layer: nn.Module) -> None:
        self.instance(path, layer, {name: part for name, part in vars(layer).items() if name not in _OF_EVERY_MODULE})
        for name, weight in {**layer._parameters, **layer._buffers}.items():
            self.add(f"{path}.{name}", weight)
            if isinstance(weight, nn.Parameter):
                self.put(f"{path}.{name}.requires_grad", weight.requires_grad)
                self.hooks(f"{path}.{name}", weight, ("_backward_hooks", "_post_accumulate_grad_hooks"))
        for name, inner in layer._modules.items():
            self.add(f"{path}.{name}", inner)
        self.hooks(path, layer, ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"))
        if layer.training != self.modes.get(id(layer)):
            self.put(f"{path}.training", layer.training)

    def hooks(self, path: str, value: object, kinds: tuple[str, ...]) -> None:
        for kind in kinds:
            for index, hook in enumerate((getattr(value, kind, None) or {}).values()):
                self.add(f"{path}.{kind[1:]}[{index}]", hook)

    def installed(self, module: str | None) -> bool:
        """Whether code is that of an installed package, the standard library or `aecore`, and not the caller's own."""
        package = (module or "builtins").partition(".")[0]
        if package in (self.own, "__main__"):  # a script is the caller's, whichever tool of a package runs it
            return False
        origin = getattr(sys.modules.get(package), "__file__", None)
        if package == "aecore" or origin is None:
            return package == "aecore" or package in sys.stdlib_module_names
        in_library = Path(origin).is_relative_to(Path(os.__file__).parent)
        return in_library or not {"site-packages", "dist-packages"}.isdisjoint(Path(origin).parts)


_METHODS: list[tuple[type | tuple[type, ...], Callable[..., None]]] = [
    (Tensor, _Description.tensor),
    (nn.Module, _Description.layer),
    (types.FunctionType, _Description.function),
    ((types.MethodType, types.BuiltinMethodType), _Description.method),
    (functools.partial, _Description.partial),
    (_DESCRIPTORS, _Description.descriptor),
    (type, _Description.of_class),
    (Mapping, _Description.mapping),
    (_CONTAINERS, _Description.container),
    (torch.Generator, _Description.generator),
    (object, _Description.other),
]


def _fact(value: object, depth: int = 2) -> Fact:
    """What a value is by itself, or a container of such values; None if it has parts to be named."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        return value if len(value) < 100 else f"{len(value)} characters, {_digest(value)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes, {_digest(value)}"
    if isinstance(value, _CONTAINERS) and depth > 0:
        items = [(item, _fact(item, depth - 1)) for item in value]
        if any(fact is None and item is not None for item, fact in items):
            return None
        told = [str(fact) if isinstance(item, _CONTAINERS) else repr(fact) for item, fact in items]
        text = f"[{', '.join(sorted(told) if isinstance(value, set | frozenset) else told)}]"
        return text if len(text) < 100 else f"{type(value).__name__} of {len(items)}, {_digest(text)}"
    return str(value) if isinstance(value, _PLAIN) else None


def _not_compiled(value: object) -> object:
    """What `torch.compile` wrapped: it decides the same run."""
    if isinstance(value, nn.Module):
        inner = value._modules.get("_orig_mod")
        return value if inner is None else inner
    return getattr(value, "_torchdynamo_orig_callable", value) if inspect.isfunction(value) else value


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
