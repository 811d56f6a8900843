"""The precision that terms are computed in."""

import torch
from torch import Tensor


def promoted(*tensors: Tensor) -> torch.dtype:
    """The dtype that arithmetic gives these tensors together."""
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        if tensor.dtype != dtype:
            dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def at_least_float32(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the dtype that arithmetic gives them together, but at least in float32."""
    dtype = torch.promote_types(promoted(*tensors), torch.float32)
    return [tensor if tensor.dtype == dtype else tensor.to(dtype) for tensor in tensors]
