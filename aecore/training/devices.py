"""Where a run takes place."""

import os

import torch


def pick_device() -> torch.device:
    """The fastest device present: cuda, then mps, then cpu.

    Returns:
        A torch.device. With `LOCAL_RANK` in the environment, as `torchrun` sets it, each process of a machine gets the
        GPU of this number; where a process sees one GPU only, as under SLURM, it gets that one.

    Raises:
        ValueError: if `LOCAL_RANK` is neither empty nor the number of a visible GPU.

    Example:
        >>> import aecore as ae
        >>> ae.pick_device().type in ("cuda", "mps", "cpu")
        True
    """
    if torch.cuda.is_available():
        return _cuda_device()
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _cuda_device() -> torch.device:
    local_rank, visible = os.environ.get("LOCAL_RANK", "").strip(), torch.cuda.device_count()
    if not local_rank or visible == 1:
        return torch.device("cuda")
    if not local_rank.isdecimal() or int(local_rank) >= visible:
        raise ValueError(
            f"LOCAL_RANK must be the number of a visible GPU, 0 to {visible - 1}, or empty, got {local_rank!r}"
        )
    return torch.device("cuda", int(local_rank))
