"""What decides a run of `fit`: the optimizer and the precision too, and not the weights that a checkpoint restores."""

import re

import pytest
import torch
import torch.nn as nn

import aecore as ae
from aecore.training.identity import describe_run, differences


def test_the_weights_in_training_do_not_count_wherever_they_are_read():
    def facts():
        model = ae.Autoencoder(nn.Linear(4, 2), nn.BatchNorm1d(2))
        held = [model, model.encoder.weight, model.decoder.running_mean]

        def loss(model, x, target):
            return held

        optimizer = torch.optim.Adam(model.parameters())
        return describe_run(model, loss, None, optimizer)

    assert differences(facts(), facts()) == ""
    assert facts()["loss.held[0]"] == "the same as model"
    assert facts()["loss.held[1]"] == "the same as model.encoder.weight"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"betas": (0.5, 0.999)}, r"optimizer\.betas '\[\[0\.9, 0\.999\]\]', now '\[\[0\.5, 0\.999\]\]'"),
        ({"eps": 1e-3}, "optimizer.eps"),
        ({"weight_decay": 0.1}, "optimizer.weight_decay"),
        ({"amsgrad": True}, "optimizer.amsgrad"),
    ],
)
def test_the_settings_of_the_optimizer_count(option, expected):
    model = nn.Linear(2, 2)
    then, now = (
        describe_run(model, None, None, torch.optim.Adam(model.parameters(), **settings)) for settings in ({}, option)
    )
    assert re.match(expected, differences(then, now))


def test_the_precision_counts(monkeypatch):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    then = describe_run(model, None, None, optimizer)
    with torch.autocast("cpu", torch.bfloat16):
        assert differences(then, describe_run(model, None, None, optimizer)) == "autocast None, now 'torch.bfloat16'"
    monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.float64)
    assert differences(then, describe_run(model, None, None, optimizer)) == (
        "default_dtype 'torch.float32', now 'torch.float64'"
    )
