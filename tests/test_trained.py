"""The cache of the figures' models: whatever decides the weights decides the file."""

from __future__ import annotations

import pytest
import torch

import aecore as ae
from aecore.widgets.trained import trained


def vae(**settings):
    torch.manual_seed(0)
    return ae.VAE(ae.mlp([4, 4]), ae.mlp([2, 4]), **settings)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AECORE_CACHE", str(tmp_path))
    return lambda: len(list(tmp_path.glob("*.safetensors")))


@pytest.mark.parametrize("other", [{"beta": 4.0}, {"likelihood": "gaussian"}])
def test_models_that_differ_in_a_number_or_a_word_alone_are_trained_apart(cache, other):
    images = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
    first, second = (trained(vae(**settings), images, epochs=2, lr=0.05) for settings in ({}, other))
    assert cache() == 2
    assert not torch.equal(first.encoder[1].weight, second.encoder[1].weight)


def test_the_same_model_is_read_from_the_cache(cache):
    images = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
    first, second = (trained(vae(beta=4.0), images, epochs=2, lr=0.05) for _ in range(2))
    assert cache() == 1
    assert torch.equal(first.encoder[1].weight, second.encoder[1].weight)
