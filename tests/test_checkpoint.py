"""A run loses nothing: not to a kill, not to Ctrl-C, whatever its model is made of."""

import itertools
import json
import math
import os
import subprocess
import sys

import pytest
import torch
import torch.nn as nn
from training_runs import IMAGES, RUN, fresh_vae, needs_gpu, never, same_parameters, unchanged

import aecore as ae
from aecore.training import checkpoint as checkpoints

CPU = torch.device("cpu")


@pytest.fixture
def before_batch(monkeypatch):
    """`before_batch(act)`: `act(n)` is called before the n-th batch. The corruption stays the same function."""

    def patch(act):
        calls, mask = [], getattr(ae.mask, "unpatched", ae.mask)

        def patched(x, p):
            calls.append(1)
            act(len(calls))
            return mask(x, p)

        patched.unpatched = mask
        monkeypatch.setattr(ae, "mask", patched)
        return calls

    return patch


@pytest.fixture
def cut_short(before_batch):
    """`cut_short(n)`: Ctrl-C in the n-th batch, once."""

    def interrupt_before(batch):
        def interrupt(now):
            if now == batch:
                raise KeyboardInterrupt

        before_batch(interrupt)

    return interrupt_before


def test_ctrl_c_returns_what_was_learned(tmp_path, cut_short):
    model, start = fresh_vae(), fresh_vae()
    state = torch.get_rng_state()
    cut_short(11)  # 4 steps an epoch: in the third
    history = ae.fit(model, IMAGES, epochs=9, **RUN, checkpoint=tmp_path / "run")
    assert history.interrupted
    assert history.epochs == [1, 2]
    assert not same_parameters(model, start)
    assert torch.equal(torch.get_rng_state(), state)
    resumed = ae.fit(model, IMAGES, epochs=4, **RUN, checkpoint=tmp_path / "run")
    assert not resumed.interrupted
    assert resumed.epochs == [1, 2, 3, 4]


def test_a_cycle_goes_on_where_it_was(tmp_path, cut_short):
    run, path = {**RUN, "epochs": 4, "schedule": "one_cycle"}, tmp_path / "run"
    whole, resumed = fresh_vae(), fresh_vae()
    losses = ae.fit(whole, IMAGES, **run).loss
    cut_short(10)
    assert ae.fit(fresh_vae(), IMAGES, **run, checkpoint=path).interrupted
    assert ae.fit(resumed, IMAGES, **run, checkpoint=path).loss == losses
    assert same_parameters(resumed, whole)
    for other, told in ({"epochs": 5}, "epochs 4, now 5"), ({"schedule": "constant"}, "schedule 'one_cycle'"):
        with pytest.raises(ValueError, match=f"of another run: {told}"):
            ae.fit(fresh_vae(), IMAGES, **{**run, **other}, checkpoint=path)


def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(tmp_path, uninterrupted):
    path = tmp_path / "deep" / "run.safetensors"
    first = ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=path)
    stranger = fresh_vae()
    with torch.no_grad():
        stranger.decoder.weight.zero_()  # whatever the model held, the checkpoint decides
    resumed = ae.fit(stranger, IMAGES, epochs=4, **RUN, checkpoint=str(path))
    model, history = uninterrupted
    assert same_parameters(stranger, model)
    assert resumed.loss == history.loss
    assert resumed.parts == history.parts
    assert resumed.seconds[:2] == first.seconds
    assert os.listdir(path.parent) == [path.name]


def test_a_checkpoint_is_written_as_often_as_asked_and_at_the_end(tmp_path, uninterrupted, monkeypatch, before_batch):
    written, write = [], checkpoints.write

    def noting(path, tensors, text):
        written.append(json.loads(text)["history"]["epochs"][-1])
        write(path, tensors, text)

    monkeypatch.setattr(checkpoints, "write", noting)
    run = {**RUN, "checkpoint": tmp_path / "run", "checkpoint_every": 3}
    ae.fit(fresh_vae(), IMAGES, epochs=4, **run)
    assert written == [3, 4]
    (tmp_path / "run").unlink()
    written.clear()

    def kill(batch):
        if written:
            raise ZeroDivisionError

    before_batch(kill)
    with pytest.raises(ZeroDivisionError):
        ae.fit(fresh_vae(), IMAGES, epochs=9, **run)
    before_batch(lambda batch: None)
    model = fresh_vae()
    assert ae.fit(model, IMAGES, epochs=4, **run).loss == uninterrupted[1].loss
    assert same_parameters(model, uninterrupted[0])
    assert written == [3, 4]


def test_a_finished_run_is_not_trained_again(tmp_path, uninterrupted):
    model = fresh_vae()
    for epochs in (4, 2):
        history = ae.fit(model, IMAGES, epochs=epochs, **RUN, checkpoint=tmp_path / "run")
        assert history.loss == uninterrupted[1].loss
        assert same_parameters(model, uninterrupted[0])


# Four steps an epoch: the eleventh is in the middle of the third, the twelfth the last before its checkpoint.
KILLS = {
    "in the middle of an epoch": "if len(calls) == 11: kill()",
    "before a byte of a checkpoint": "if len(calls) == 12: storage.open = kill",
    "between the halves of a checkpoint": "if len(calls) == 12: storage.open = Half",
    "before a checkpoint is flushed": "if len(calls) == 12: os.fsync = kill",
    "before a checkpoint is renamed": "if len(calls) == 12: os.replace = kill",
}

KILLED = """
import os, signal, sys
import training_runs as t
from test_checkpoint import KILLS
from aecore.training import storage

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Half:
    def __init__(self, path, mode):
        self.file = open(path, mode)
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        kill()

calls, mask = [], t.ae.mask

def patched(x, p):
    calls.append(1)
    exec(moment, globals())
    return mask(x, p)

t.ae.mask = patched
t.torch.set_num_threads(1)
for when, moment in KILLS.items():  # each in a fork: starting Python and torch anew takes seconds
    if not os.fork():
        t.ae.fit(t.fresh_vae(), t.IMAGES, epochs=4, **t.RUN, checkpoint=f"{when}/run")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL, when
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bits(tmp_path, uninterrupted, before_batch):
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = os.environ | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}  # CUDA does not survive a fork
    subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=env, check=True)
    for when in KILLS:
        model, steps = fresh_vae(), before_batch(lambda batch: None)
        history = ae.fit(model, IMAGES, epochs=4, **RUN, checkpoint=tmp_path / when / "run")
        assert len(steps) == 8, when  # epochs 1 and 2 were on the disk
        assert history.loss == uninterrupted[1].loss, when
        assert same_parameters(model, uninterrupted[0]), when
        assert os.listdir(tmp_path / when) == ["run"], when


def test_a_loss_that_explodes_is_told_and_leaves_the_checkpoint_alone(tmp_path):
    calls = []

    def explode(model, x, target):
        calls.append(1)
        parts = model.loss(x, target)
        return parts | {"kl": parts["kl"] * (math.inf if len(calls) == 10 else 1)}

    with pytest.raises(FloatingPointError, match=r"epoch 3.*smaller lr"):
        ae.fit(fresh_vae(), IMAGES, epochs=4, **RUN, loss=explode, checkpoint=tmp_path / "run")
    calls.clear()
    good = ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, loss=explode, checkpoint=tmp_path / "run")
    assert good.epochs == [1, 2]
    assert calls == []  # both were on the disk


def test_batch_statistics_and_shared_weights_are_part_of_a_checkpoint(tmp_path):
    def shared():
        torch.manual_seed(0)
        layer = nn.Linear(6, 6)
        return ae.Autoencoder(nn.Sequential(layer, nn.BatchNorm1d(6)), layer)

    whole, resumed = shared(), shared()
    ae.fit(whole, IMAGES, epochs=3, **RUN)
    ae.fit(shared(), IMAGES, epochs=1, **RUN, checkpoint=tmp_path / "run")
    ae.fit(resumed, IMAGES, epochs=3, **RUN, checkpoint=tmp_path / "run")
    assert same_parameters(whole, resumed)


# Every kind of state


def modified(modify):
    def make():
        torch.manual_seed(0)
        model = ae.Autoencoder(ae.mlp([6, 4]), nn.Sequential(nn.Linear(4, 6), nn.Sigmoid()))
        modify(model)
        return model

    return make


class Growing(nn.Linear):
    """A layer whose state is partly no tensor, and depends on every batch before."""

    def __init__(self, to_extra, from_extra):
        super().__init__(4, 4)
        self.scale, self.to_extra, self.from_extra = 1.0, to_extra, from_extra

    def forward(self, x):
        self.scale *= 1.01
        return super().forward(x) * self.scale

    def get_extra_state(self):
        return self.to_extra(self.scale)

    def set_extra_state(self, extra):
        self.scale = self.from_extra(extra)


def transposed(model):
    assert isinstance(model.decoder[0], nn.Linear)
    model.decoder[0].weight = nn.Parameter(torch.rand(4, 6).T)


def tied(model):
    model.decoder.append(nn.Linear(6, 6)).append(nn.Linear(6, 6))
    model.decoder[-1].weight = model.decoder[-2].weight


def expanded(model):
    model.register_buffer("offset", torch.zeros(1, 6).expand(4, 6))


KINDS = {
    "transposed weight": transposed,
    "tied weights": tied,
    "shared layer": lambda model: model.decoder.append(model.encoder).append(model.decoder[0]),
    "expanded buffer": expanded,
    "transposed buffer": lambda model: model.register_buffer("offset", torch.rand(4, 6).T),
    "empty buffer": lambda model: model.register_buffer("nothing", torch.rand(0, 3)),
    "empty weight": lambda model: model.register_parameter("nothing", nn.Parameter(torch.rand(0, 3))),
    "number": lambda model: model.register_parameter("nothing", nn.Parameter(torch.tensor(1.0))),
    "flags": lambda model: model.register_buffer("on", torch.rand(5) > 0.5),
    "infinity": lambda model: model.register_buffer("mask", torch.tensor([0, -math.inf])),
    "half precision": lambda model: model.register_buffer("short", torch.rand(3).bfloat16()),
    "frozen": lambda model: model.decoder.requires_grad_(False),
    "extra state": lambda model: model.encoder.append(Growing(lambda scale: {"is": [scale]}, lambda e: e["is"][0])),
    "extra state that is a tensor": lambda model: model.encoder.append(Growing(double, torch.Tensor.item)),
    "complex buffer": lambda model: model.register_buffer("phase", torch.rand(3, dtype=torch.complex64).conj()),
    "double precision": lambda model: model.double(),
}


def double(number):
    return torch.tensor(number, dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_with_any_kind_of_state_resumes_to_the_same_bits(tmp_path, kind):
    make = modified(KINDS[kind])
    images = IMAGES.double() if kind == "double precision" else IMAGES
    whole, halves, resumed = make(), make(), make()
    run = {**RUN, "corrupt": None, "loss": squared}
    losses = ae.fit(whole, images, epochs=4, **run).loss
    ae.fit(halves, images, epochs=2, **run, checkpoint=tmp_path / "run")
    assert ae.fit(resumed, images, epochs=4, **run, checkpoint=tmp_path / "run").loss == losses
    for mine, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine.stride() == theirs.stride()
    for mine, theirs in zip(resumed.buffers(), whole.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def squared(model, x, target):
    return (model(x) - target).square().sum(dim=1)


def test_a_state_that_a_checkpoint_cannot_hold_is_refused_before_training(tmp_path):
    for value, expected in (
        ((1, 2), r"extra states that JSON can hold, got tuple for encoder\.2\._extra_state"),
        (object(), r"extra states that JSON can hold, got object for encoder\.2\._extra_state"),
        (torch.zeros(2, dtype=torch.complex128), r"safetensors can save, got encoder\.2\._extra_state, .*complex128"),
    ):
        model = modified(lambda model, value=value: model.encoder.append(Growing(lambda _: value, None)))()
        with unchanged(model, tmp_path / "run"), pytest.raises(TypeError, match=expected):
            ae.fit(model, IMAGES, epochs=1, **{**RUN, "loss": never}, checkpoint=tmp_path / "run")


def test_a_compiled_model_and_a_plain_one_take_each_others_checkpoints(tmp_path, uninterrupted):
    for first, second in itertools.permutations((fresh_vae, lambda: torch.compile(fresh_vae(), backend="eager"))):
        path = tmp_path / first.__name__
        ae.fit(first(), IMAGES, epochs=2, **RUN, checkpoint=path)
        model = second()
        assert ae.fit(model, IMAGES, epochs=4, **RUN, checkpoint=path).loss == uninterrupted[1].loss
        for mine, theirs in zip(model.parameters(), uninterrupted[0].parameters(), strict=True):
            assert torch.equal(mine, theirs)


@needs_gpu
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_a_run_resumed_on_the_gpu_ends_with_the_bits_of_an_uninterrupted_one(tmp_path, cuda_graph):
    run = {**RUN, "device": "cuda", "cuda_graph": cuda_graph}
    whole, resumed = fresh_vae(), fresh_vae()
    losses = ae.fit(whole, IMAGES, epochs=4, **run).loss
    ae.fit(fresh_vae(), IMAGES, epochs=2, **run, checkpoint=tmp_path / "run")
    assert ae.fit(resumed, IMAGES, epochs=4, **run, checkpoint=tmp_path / "run").loss == losses
    assert same_parameters(whole, resumed)


@needs_gpu
def test_a_checkpoint_moves_between_devices(tmp_path):
    ae.fit(fresh_vae(), IMAGES, epochs=1, **{**RUN, "device": "cuda"}, checkpoint=tmp_path / "run")
    assert ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=tmp_path / "run").epochs == [1, 2]
