"""Dense networks small enough for a page: int8 weights, one scale per output unit, float32 biases."""

from __future__ import annotations

import numpy as np

from .base import finite_array

__all__ = ["dequantize", "forward", "quantize"]

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")


def quantize(network) -> dict:
    r"""Pack a chain of ``nn.Linear`` and activations for the page's forward pass (``ae.network`` in ``shared.js``).

    $W_{ij} \approx s_i\,k_{ij}$ with $k_{ij} \in \{-127,\dots,127\}$ and $s_i = \max_j |W_{ij}| / 127$, so that each
    weight is off by at most $s_i/2$.

    Args:
        network: an ``nn.Module`` whose leaves are, in order, ``Linear``, ``ReLU``, ``Tanh``, ``Sigmoid`` (``Flatten``,
            ``Unflatten`` and ``Dropout`` are passed over); or a list of ``(weight, bias, activation)``.

    Returns:
        ``{"layers": [[in, out, activation], …], "data": bytes}``: for each layer its scales and biases as float32,
        then for each layer its int8 weights, row by row.

    Raises:
        ValueError: no layer, layers that do not fit, NaN or infinite weights.
        TypeError: a layer of another kind.

    Example:
        >>> import numpy as np
        >>> packed = quantize([(np.eye(3), np.zeros(3), "relu")])
        >>> packed["layers"], len(packed["data"])
        ([[3, 3, 'relu']], 33)
    """
    chain = network if isinstance(network, (list, tuple)) else _chain(network)
    if not chain:
        raise ValueError("network: got no linear layer, takes at least one")
    layers, floats, weights, before = [], [], [], None
    for weight, bias, activation in chain:
        weight = finite_array("weight", weight, (None, before))
        bias = finite_array("bias", bias, (len(weight),))
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: got {activation!r}, takes one of {', '.join(ACTIVATIONS)}")
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
        floats += [scale.astype("<f4"), bias.astype("<f4")]
        weights.append(np.round(weight / scale[:, None]).astype(np.int8))
        layers.append([weight.shape[1], weight.shape[0], activation])
        before = len(weight)
    return {"layers": layers, "data": b"".join(array.tobytes() for array in floats + weights)}


def dequantize(packed: dict) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """The weights as the page sees them: ``[(weight, bias, activation), …]``.

    Example:
        >>> weight, bias, activation = dequantize(quantize([(np.eye(2), np.ones(2), "tanh")]))[0]
        >>> bool(np.allclose(weight, np.eye(2)))
        True
    """
    layers, data, out = packed["layers"], packed["data"], []
    at, byte = 0, 4 * sum(2 * rows for _, rows, _ in layers)
    if len(data) != byte + sum(columns * rows for columns, rows, _ in layers):
        raise ValueError(f"data: got {len(data)} bytes, which do not fit the layers {layers}")
    for columns, rows, activation in layers:
        scale, bias = np.frombuffer(data, "<f4", 2 * rows, at).reshape(2, rows)
        weight = np.frombuffer(data, np.int8, rows * columns, byte).reshape(rows, columns)
        out.append((weight * scale[:, None], bias, activation))
        at, byte = at + 8 * rows, byte + rows * columns
    return out


def forward(packed: dict, x) -> np.ndarray:
    """What ``ae.network(packed)`` computes in the page, for many inputs at once: shape (n, in) to (n, out), float32.

    Example:
        >>> forward(quantize([(np.eye(2), np.ones(2), "relu")]), [[1.0, -3.0]]).round(5).tolist()
        [[2.0, 0.0]]
    """
    y = finite_array("x", x, (None, packed["layers"][0][0]))
    for weight, bias, activation in dequantize(packed):
        y = y @ weight.T + bias
        if activation == "relu":
            y = np.maximum(y, 0)
        elif activation == "tanh":
            y = np.tanh(y)
        elif activation == "sigmoid":
            y = np.exp(-np.logaddexp(0, -y))
    return y


def _chain(network) -> list:
    from torch import nn

    names = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}
    chain: list = []
    for layer in network.modules():
        if list(layer.children()) or isinstance(layer, (nn.Flatten, nn.Unflatten, nn.Dropout, nn.Identity)):
            continue
        if isinstance(layer, nn.Linear):
            bias = np.zeros(layer.out_features) if layer.bias is None else layer.bias
            chain.append((layer.weight, bias, "linear"))
        elif type(layer) in names and chain and chain[-1][2] == "linear":
            chain[-1] = (*chain[-1][:2], names[type(layer)])
        else:
            raise TypeError(
                f"network: got a layer {type(layer).__name__}, takes Linear, ReLU, Tanh, Sigmoid in a chain"
            )
    return chain
