"""What several test files train, and how."""

import copy
import os
from contextlib import contextmanager

import pytest
import torch
import torch.nn as nn

import aecore as ae

IMAGES = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def fresh_vae():
    """A model that uses every kind of randomness there is: initial weights, dropout, sampling."""
    torch.manual_seed(7)
    encoder = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.2), nn.Tanh(), nn.Linear(16, 4))
    return ae.VAE(encoder, nn.Linear(2, 6))


def noisy(x):
    return ae.mask(x, 0.2)


RUN = {"batch_size": 16, "lr": 5e-3, "seed": 3, "corrupt": noisy, "device": "cpu", "progress": False}


def same_parameters(model, other):
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items())


@contextmanager
def unchanged(model, path):
    """Inside, nothing changes: not the model, not its mode, not the file or its neighbours, not the random state."""

    def parts():
        return [*model.parameters(), *model.buffers()]

    before, content = copy.deepcopy(parts()), path.read_bytes() if path.is_file() else None
    randomness, modes, neighbours = (
        torch.get_rng_state(),
        [m.training for m in model.modules()],
        os.listdir(path.parent),
    )
    yield model
    assert all(torch.equal(part, kept) for part, kept in zip(parts(), before, strict=True))
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), randomness)
    assert (path.read_bytes() if path.is_file() else None) == content
    assert os.listdir(path.parent) == neighbours


def never(*_):
    raise AssertionError("training has begun")
