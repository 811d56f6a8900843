"""Several processes train as one: the same loss and weights, and a dead one ends all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path  # noqa: F401  (for the programs)

import pytest
import torch
import torch.nn as nn
from safetensors.torch import load_file

import aecore as ae
from aecore.training.processes import Processes, started_by_a_launcher

IMAGES = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))
pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch cannot start processes")


def autoencoder():
    torch.manual_seed(7)
    return ae.Autoencoder(ae.mlp([6, 16, 2], nn.Tanh), ae.mlp([2, 16, 6], nn.Tanh))


# 50 images in batches of 7: shares of 4 and 3, and at the end a batch of one image, of which one process has none.
RUN = {"epochs": 4, "batch_size": 7, "lr": 1e-2, "schedule": "one_cycle", "device": "cpu", "progress": False}
PROGRAM = """
import json, os, signal
import test_processes as t
t.torch.set_num_threads(1)
rank = int(os.environ["RANK"])
"""
# One start for all questions: starting torch in three processes takes longer than all that they do.
TRAIN = """
model, noise = t.autoencoder(), []
history = t.ae.fit(model, t.IMAGES, **t.RUN, checkpoint="run")
t.torch.save(model.state_dict(), f"model-{rank}")
vae = t.ae.VAE(t.nn.Linear(6, 4), t.nn.Linear(2, 6))
again = t.ae.fit(vae, t.IMAGES, **t.RUN, corrupt=lambda x: (noise.append(t.torch.rand(3).tolist()), x)[1])
try:
    t.ae.fit(model, t.IMAGES, **{**t.RUN, "lr": 0.1 * (1 + rank)})
except ValueError as error:
    told = str(error)
files = []  # a file that one of them does not find, and a disk that is full for the one that writes
t.ae.fit(t.autoencoder(), t.IMAGES, **t.RUN, checkpoint=f"file-{rank}")
def full(*_):
    raise OSError(28, "No space left on device")
os.replace = full if rank == 0 else None
for path in f"file-{rank}", "full":
    try:
        t.ae.fit(t.autoencoder(), t.IMAGES, **t.RUN, checkpoint=path)
    except (ValueError, OSError) as error:
        files.append(str(error))
t.Path(f"said-{rank}").write_text(json.dumps([history.loss, again.loss, noise, told, files]))
"""
DIE = """
calls = []
def corrupt(x):
    calls.append(1)
    if rank == 1 and len(calls) == 20 and not os.path.exists("dead"):
        open("dead", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return x
t.ae.fit(t.autoencoder(), t.IMAGES, **t.RUN, corrupt=corrupt, checkpoint="run")
"""


def torchrun(folder, body):
    """The exit status and what was told of a program in two processes; a hang is an error."""
    (folder / "program.py").write_text(PROGRAM + body)
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "program.py"]
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return ended.returncode, ended.stderr


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    status, told = torchrun(folder, TRAIN)
    assert status == 0, told
    return folder


def said(folder):
    """Losses, losses of a second run, noise, the error of a third, and those of two checkpoints, of both processes."""
    return [json.loads((folder / f"said-{rank}").read_text()) for rank in (0, 1)]


def test_two_processes_learn_what_one_learns_with_the_same_batches(two):
    model = autoencoder()
    alone = ae.fit(model, IMAGES, **RUN)
    for losses, *_ in said(two):
        assert losses == pytest.approx(alone.loss, rel=1e-5)
    weights = [torch.load(two / f"model-{rank}", weights_only=True) for rank in (0, 1)]
    for name, value in model.state_dict().items():
        torch.testing.assert_close(weights[0][name], value, rtol=1e-3, atol=1e-5)
        assert torch.equal(weights[0][name], weights[1][name])


def test_each_process_draws_noise_of_its_own_and_reports_the_loss_of_all(two):
    (_, losses, noise, *_), (_, other_losses, other_noise, *_) = said(two)
    assert len(noise) == len(other_noise) == 4 * 8
    assert not any(a == b for a, b in zip(noise, other_noise, strict=True))
    assert losses == other_losses


def test_processes_that_were_called_differently_are_told_so(two):
    told = said(two)[0][3]
    assert told == "fit must get the same arguments in every process, got in 0 and 1: lr 0.1 here, 0.2 there"


def test_a_checkpoint_that_fails_in_one_process_fails_in_all(two):
    here, there = (files for *_, files in said(two))
    assert here == there
    assert "checkpoint must be a file that `fit` wrote, got" in here[0]
    assert "file-1, missing" in here[0]
    assert "checkpoint must be written, got an error at" in here[1]
    assert "No space left on device" in here[1]


def test_a_killed_process_ends_the_run_with_an_error_and_the_checkpoint_goes_on_to_the_same_bits(tmp_path, two):
    status, told = torchrun(tmp_path, DIE)
    assert status != 0
    assert "Signal 9" in told or "SIGKILL" in told, told
    assert (tmp_path / "run").exists()
    status, told = torchrun(tmp_path, DIE)
    assert status == 0, told
    whole, resumed = load_file(two / "run"), load_file(tmp_path / "run")
    assert whole.keys() == resumed.keys()
    assert {name for name in whole if name.startswith("random")} == {"random.0.cpu", "random.1.cpu"}
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_a_checkpoint_of_two_processes_is_refused_by_one(two):
    with pytest.raises(ValueError, match="of another run: processes 2, now 1"):
        ae.fit(autoencoder(), IMAGES, **RUN, checkpoint=two / "run")


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_launcher_sets_every_variable_and_srun_alone_is_none(monkeypatch, missing, empty):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    for name in ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"):
        monkeypatch.setenv(name, "2")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert started_by_a_launcher()
    if empty:
        monkeypatch.setenv(missing, "")
    else:
        monkeypatch.delenv(missing)
    assert not started_by_a_launcher()
    assert Processes(torch.device("cpu")).count == 1


def test_alone_nothing_is_shared():
    alone = Processes(torch.device("cpu"))
    indices = torch.arange(5)
    assert not alone.distributed
    assert alone.shard(indices)[0] is indices
    assert alone.shard(indices)[1] == 1
    assert alone.gather("x") == ["x"]
    module = nn.Linear(1, 1)
    assert alone.data_parallel(module, torch.device("cpu")) is module
    assert alone.seed_of_rank(3) == 3


@pytest.mark.parametrize("images", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("count", [2, 3])
def test_the_shares_of_a_batch_are_the_batch_and_weigh_as_many_images_as_they_have(images, count):
    batch, seen, weights = torch.arange(images), [], []
    for rank in range(count):
        process = Processes(torch.device("cpu"))
        process.rank, process.count = rank, count
        mine, weight = process.shard(batch)
        assert len(mine) > 0
        weights.append(weight)
        seen += mine.tolist() if weight else []
    assert sorted(seen) == list(range(images))
    assert sum(weights) == pytest.approx(count)
