"""What a Python function does, and what it reads, found without its source."""

import dis
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType


def instructions(code: CodeType) -> tuple[object, ...]:
    """What code does, without where it is written. Two lambdas on one line differ, two comments do not."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    handlers = getattr(code, "co_exceptiontable", b"")  # from Python 3.11 on
    return code.co_code, handlers, names, counts, [_constant(constant) for constant in code.co_consts]


def variables(function: FunctionType) -> dict[str, object]:
    """What a function reads, and functions inside it do: of the functions around it, and of its module."""
    closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    read = {
        instruction.argval
        for code in _with_inner(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname == "LOAD_GLOBAL"
    }
    found = {name: function.__globals__[name] for name in read if name in function.__globals__}
    for name, cell in closure:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def attributes(function: FunctionType) -> set[str]:
    """The names after a dot in a function, and the global ones."""
    return {name for code in _with_inner(function.__code__) for name in code.co_names}


def defaults(function: FunctionType) -> dict[str, object]:
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _constant(constant: object) -> object:
    if isinstance(constant, CodeType):
        return instructions(constant)
    # The order of a set of strings is another one in each process.
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
