"""Dense networks packed for a page: float32 biases, and weights in int8 with one scale per output unit, or exact."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from aelab.figures.kit.base import finite_array

if TYPE_CHECKING:
    from torch import nn

__all__ = ["chain", "dequantize", "forward", "quantize"]

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")
WEIGHTS: dict[str, np.dtype[Any]] = {"int8": np.dtype(np.int8), "float32": np.dtype("<f4")}
Layer = tuple[np.ndarray, np.ndarray, str]


def quantize(network: nn.Module | list | tuple, weights: str = "int8") -> dict:
    r"""Pack a chain of `nn.Linear` and activations for the page's forward pass, `network` in `network.js`.

    $W_{ij} \approx s_i\,k_{ij}$ with $k_{ij} \in \{-127,\dots,127\}$ and $s_i = \max_j |W_{ij}| / 127$, so that each
    weight is off by at most $s_i/2$.

    Args:
        network: what `chain` takes.
        weights: "int8", or "float32" for weights that stay what they are, at four times the bytes.

    Returns:
        `{"layers": [[in, out, activation], …], "weights": "int8", "data": bytes}`. The bytes are for each layer its
        scales (int8 only) and its biases as float32, then for each layer its weights, row by row.

    Raises:
        TypeError, ValueError: as `chain`.

    Example:
        >>> import numpy as np
        >>> packed = quantize([(np.eye(3), np.zeros(3), "relu")])
        >>> packed["layers"], len(packed["data"])
        ([[3, 3, 'relu']], 33)
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {weights!r}")
    layers, floats, numbers = [], [], []
    for weight, bias, activation in chain(network):
        if weights == "int8":
            scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
            floats.append(scale.astype("<f4"))
            weight = np.round(weight / scale[:, None])
        floats.append(bias.astype("<f4"))
        numbers.append(weight.astype(WEIGHTS[weights]))
        layers.append([weight.shape[1], weight.shape[0], activation])
    data = b"".join(array.tobytes() for array in floats + numbers)
    return {"layers": layers, "weights": weights, "data": data}


def dequantize(packed: dict) -> list[Layer]:
    """The weights as the page sees them: `[(weight, bias, activation), …]`.

    Raises:
        ValueError: data of another length than the layers take.

    Example:
        >>> weight, bias, activation = dequantize(quantize([(np.eye(2), np.ones(2), "tanh")]))[0]
        >>> bool(np.allclose(weight, np.eye(2)))
        True
    """
    layers, data, dtype = packed["layers"], packed["data"], WEIGHTS[packed["weights"]]
    heads = 2 if packed["weights"] == "int8" else 1  # scales and biases, or biases
    at, byte = 0, 4 * sum(heads * rows for _, rows, _ in layers)
    size = byte + dtype.itemsize * sum(columns * rows for columns, rows, _ in layers)
    if len(data) != size:
        raise ValueError(f"data must have {size} bytes for the layers {layers}, got {len(data)}")
    out: list[Layer] = []
    for columns, rows, activation in layers:
        head = np.frombuffer(data, "<f4", heads * rows, at).reshape(heads, rows)
        weight = np.frombuffer(data, dtype, rows * columns, byte).reshape(rows, columns)
        out.append((weight * head[0][:, None] if heads == 2 else weight, head[-1], activation))
        at, byte = at + 4 * heads * rows, byte + weight.nbytes
    return out


def forward(packed: dict, x: object) -> np.ndarray:
    """What `network(packed)` computes in the page, for many inputs at once: shape (n, in) to (n, out), float64.

    Raises:
        TypeError, ValueError: inputs that are no numbers, not finite, or of another shape.

    Example:
        >>> forward(quantize([(np.eye(2), np.ones(2), "relu")]), [[1.0, -3.0]]).round(5).tolist()
        [[2.0, 0.0]]
    """
    return _run(dequantize(packed), finite_array("x", x, (None, packed["layers"][0][0]), dtype=np.float64))


def chain(network: nn.Module | list | tuple) -> list[Layer]:
    """The layers of a network that provably is a chain of them, judged in eval mode; any other is refused.

    Args:
        network: `nn.Linear`, `nn.ReLU`, `nn.Tanh` and `nn.Sigmoid` in `nn.Sequential`, nested or not, of any device
            and dtype; `nn.Flatten`, `nn.Unflatten`, `nn.Identity` and `nn.Dropout` are passed over. These classes
            themselves, without hooks and without a `forward` of their own. Or a list of `(weight, bias, activation)`,
            with weights of shape (out, in) and one of "linear", "relu", "tanh", "sigmoid".

    Returns:
        `[(weight, bias, activation), …]`, float32. The network is left as it was.

    Raises:
        TypeError: a layer of another kind, with a hook or a `forward` of its own, or weights that are no numbers.
        ValueError: no layer, layers that do not fit, weights that are not finite, or a network that computes
            something else than its layers in a chain.

    Example:
        >>> from torch import nn
        >>> relu = nn.ReLU()  # used twice, counted twice
        >>> [layer[2] for layer in chain(nn.Sequential(nn.Linear(4, 3), relu, nn.Linear(3, 2), relu))]
        ['relu', 'relu']
    """
    parts = network if isinstance(network, (list, tuple)) else _layers(network)
    if not parts:
        raise ValueError("network must have at least one linear layer, got none")
    layers: list[Layer] = []
    before = None
    for part in parts:
        if not isinstance(part, (list, tuple)) or len(part) != 3:
            raise TypeError(f"network must be a list of (weight, bias, activation), got {type(part).__name__} in it")
        weight = finite_array("weight", part[0], (None, before))
        bias = finite_array("bias", part[1], (len(weight),))
        if part[2] not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {part[2]!r}")
        layers.append((weight, bias, part[2]))
        before = len(weight)
    if parts is not network:
        _check_output(network, layers)
    return layers


def _run(layers: list[Layer], y: np.ndarray) -> np.ndarray:
    for weight, bias, activation in layers:
        y = y @ weight.T + bias
        if activation == "relu":
            y = np.maximum(y, 0)
        elif activation == "tanh":
            y = np.tanh(y)
        elif activation == "sigmoid":
            y = np.exp(-np.logaddexp(0, -y))
    return y


def _layers(network: Any) -> list[tuple]:
    from torch import nn

    names: dict[type, str] = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}
    passed = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout)  # a dropout does nothing in eval mode
    found: list[tuple] = []
    for layer in _leaves(network):
        kind = type(layer)
        if kind is nn.Linear:
            bias = np.zeros(layer.out_features) if layer.bias is None else layer.bias
            found.append((layer.weight, bias, "linear"))
        elif kind in names and found and found[-1][2] == "linear":
            found[-1] = (*found[-1][:2], names[kind])
        elif kind not in passed:
            after = ", not after Linear" if kind in names else ""
            raise TypeError(
                "network must be nn.Sequential of Linear, each with a ReLU, Tanh or Sigmoid after it or none, "
                f"got {kind.__module__}.{kind.__qualname__}{after}"
            )
    return found


def _leaves(module: Any) -> list:
    """The layers in the order in which they are called: one that stands twice is called twice."""
    from torch import nn

    # What `nn.Module.__call__` would run beside the class's own `forward`. A parametrised layer has a class of its own.
    hooks = [getattr(module, name, None) for name in ("_forward_hooks", "_forward_pre_hooks")]
    if isinstance(module, nn.Module) and (any(hooks) or "forward" in vars(module)):
        what = "a hook" if any(hooks) else "a forward of its own"
        raise TypeError(f"network must be made of layers as torch has them, got a {type(module).__name__} with {what}")
    if type(module) is not nn.Sequential:
        return [module]
    return [leaf for child in module for leaf in _leaves(child)]


def _check_output(network: Any, layers: list[Layer]) -> None:
    """Refuse a network that computes something else, whatever the reason."""
    import torch

    x = np.random.default_rng(0).normal(size=(16, layers[0][0].shape[1]))
    with torch.no_grad():
        try:
            judge = deepcopy(network).to("cpu", torch.float64).eval()
            found = judge(torch.from_numpy(x)).flatten(1).numpy()
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"network must take inputs of shape (n, {x.shape[1]}), got an error: {error}") from error
    wanted = _run(layers, x)
    off = np.abs(found - wanted).max() if found.shape == wanted.shape else np.inf
    if not off <= 1e-5 * max(1.0, np.abs(wanted).max()):
        raise ValueError(f"network must compute what its layers compute in a chain, got a result that is {off:.2g} off")
