"""Training loses nothing: not to a kill, not to Ctrl-C, not to a spoiled file, and leaves nothing changed behind."""

import copy
import io
import math
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext

import pytest
import torch
import torch.nn as nn
from safetensors.torch import save_file

import aecore as ae
from aecore import training
from aecore._graph import Replayed

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


@pytest.fixture(scope="module")
def uninterrupted():
    model = fresh_vae()
    return model, ae.fit(model, IMAGES, epochs=4, **RUN)


# What is learned


def test_one_epoch_on_mnist_passes_a_set_elbo(train_digits, test_digits):
    vae = ae.VAE(ae.mlp([784, 400, 40]), ae.mlp([20, 400, 784], out_shape=(1, 28, 28)))
    untrained = -ae.evaluate(vae, test_digits[:1000])
    ae.fit(vae, train_digits, epochs=1, device="cpu", progress=False)
    trained = -ae.evaluate(vae, test_digits[:1000])
    assert untrained < -540
    assert trained > -135  # nats an image on grey values; -127.3 was seen


def test_the_history_has_an_entry_of_everything_for_each_epoch(uninterrupted):
    _, history = uninterrupted
    assert history.epochs == [1, 2, 3, 4]
    assert history.loss[-1] < history.loss[0]
    assert set(history.parts) == {"reconstruction", "kl"}
    for total, *parts in zip(history.loss, *history.parts.values(), strict=True):
        assert total == pytest.approx(sum(parts))
    assert len(history.seconds) == 4
    assert min(history.seconds) > 0
    assert not history.interrupted


def test_an_odd_last_batch_counts_by_its_images():
    model = ae.Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6))
    mean = model.loss(IMAGES).mean().item()
    history = ae.fit(model, IMAGES, epochs=1, batch_size=49, lr=1e-12, device="cpu", progress=False)
    assert history.loss[0] == pytest.approx(mean, rel=1e-5)
    for batch_size in (1, 7, 49, 50, 1000):
        assert ae.evaluate(model, IMAGES, batch_size=batch_size) == pytest.approx(mean, rel=1e-5)


def test_a_duplicated_set_has_the_same_mean():
    model = ae.Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6))
    assert ae.evaluate(model, torch.cat([IMAGES, IMAGES])) == pytest.approx(ae.evaluate(model, IMAGES), rel=1e-6)


def test_every_epoch_shows_every_image_once_in_another_order():
    seen = []

    def spy(x):
        seen.append(x)
        return x

    ae.fit(fresh_vae(), IMAGES, epochs=2, **{**RUN, "corrupt": spy})
    assert [len(x) for x in seen] == [16, 16, 16, 2] * 2
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    for epoch in (first, second):
        assert torch.equal(epoch.sort(dim=0).values, IMAGES.sort(dim=0).values)
        assert not torch.equal(epoch, IMAGES)
    assert not torch.equal(first, second)


def test_the_seed_decides_everything():
    models = [fresh_vae() for _ in range(3)]
    losses = [
        ae.fit(model, IMAGES, epochs=2, **{**RUN, "seed": seed}).loss
        for model, seed in zip(models, (1, 1, 2), strict=True)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert same_parameters(models[0], models[1])
    assert not same_parameters(models[0], models[2])


def test_any_module_trains_with_a_loss_of_ones_own():
    model = nn.Linear(6, 6)
    history = ae.fit(
        model, IMAGES, epochs=30, lr=0.01, device="cpu", loss=lambda model, x, target: (model(x) - target).abs().mean()
    )
    assert history.loss[-1] < history.loss[0] / 2
    assert history.parts == {}


# The learning rate


def rates_of(monkeypatch, **options):
    """The learning rate of every step that Adam took."""
    seen, update = [], training._Update.__call__

    def spy(self):
        seen.extend(group["lr"] for group in self.optimizer.param_groups)
        return update(self)

    with monkeypatch.context() as patched:
        patched.setattr(training._Update, "__call__", spy)
        ae.fit(fresh_vae(), IMAGES, **{**RUN, **options})
    return seen


def test_one_cycle_is_torchs(monkeypatch):
    seen = rates_of(monkeypatch, epochs=25, schedule="one_cycle")  # 100 steps
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, RUN["lr"], total_steps=1000)
    expected = []
    for _ in range(1000):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < 1000:
            theirs.step()
    assert len(seen) == 100
    for step, rate in enumerate(seen):  # ten times finer, so that a hundred steps meet it on the way
        assert rate == pytest.approx(expected[round(step * 999 / 99)], rel=0.02, abs=1e-3 * RUN["lr"])
    assert seen[0] == pytest.approx(RUN["lr"] / 25)
    assert seen[-1] == pytest.approx(RUN["lr"] / 250_000)


def test_a_constant_rate_is_constant(monkeypatch):
    assert rates_of(monkeypatch, epochs=2) == [RUN["lr"]] * 8


def test_a_cycle_goes_on_where_it_was(monkeypatch, tmp_path):
    whole = rates_of(monkeypatch, epochs=4, schedule="one_cycle")

    def stop(x, calls=[]):  # noqa: B006  (counts across batches)
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return noisy(x)

    path = tmp_path / "run"
    rates_of(monkeypatch, epochs=4, schedule="one_cycle", checkpoint=path, corrupt=stop)
    assert rates_of(monkeypatch, epochs=4, schedule="one_cycle", checkpoint=path) == whole[8:]
    for other, told in ({"epochs": 5}, "epochs 4, now 5"), ({"schedule": "constant"}, "schedule 'one_cycle'"):
        with pytest.raises(ValueError, match=f"of another run: {told}"):
            ae.fit(fresh_vae(), IMAGES, **{**RUN, "epochs": 4, "schedule": "one_cycle", **other}, checkpoint=path)


# What is left behind


@pytest.mark.parametrize("training", [True, False])
def test_nothing_outside_is_changed(training):
    model = fresh_vae().train(training)
    state = torch.get_rng_state()
    ae.fit(model, IMAGES, epochs=1, **RUN)
    assert model.training is training
    before = [value.clone() for value in model.parameters()]
    ae.evaluate(model, IMAGES, corrupt=noisy, seed=5)
    assert model.training is training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    with pytest.raises(ZeroDivisionError):
        ae.fit(model, IMAGES, epochs=1, **{**RUN, "corrupt": lambda x: 1 / 0})
    assert model.training is training
    assert torch.equal(torch.get_rng_state(), state)


def test_training_drops_units_and_evaluation_does_not():
    modes = []

    def loss(model, x, target):
        modes.append(model.training)
        return model.loss(x, target)

    model = fresh_vae().eval()
    ae.fit(model, IMAGES, epochs=1, **{**RUN, "batch_size": 50}, loss=loss)
    ae.evaluate(model.train(), IMAGES, loss=loss)
    assert modes == [True, False]
    assert ae.evaluate(model, IMAGES) == ae.evaluate(model, IMAGES)


def test_ctrl_c_returns_what_was_learned(tmp_path):
    calls = []

    def interrupt(x):
        calls.append(1)
        if len(calls) == 11:  # 4 steps an epoch: in the third
            raise KeyboardInterrupt
        return noisy(x)

    model, start = fresh_vae(), fresh_vae()
    state = torch.get_rng_state()
    history = ae.fit(model, IMAGES, epochs=9, **{**RUN, "corrupt": interrupt}, checkpoint=tmp_path / "run")
    assert history.interrupted
    assert history.epochs == [1, 2]
    assert not same_parameters(model, start)
    assert torch.equal(torch.get_rng_state(), state)
    resumed = ae.fit(model, IMAGES, epochs=4, **RUN, checkpoint=tmp_path / "run")
    assert not resumed.interrupted
    assert resumed.epochs == [1, 2, 3, 4]


@pytest.mark.parametrize("options", [{"corrupt": None}, {}, {"loss": lambda vae, x, target: sum(vae.loss(x).values())}])
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_no_step_waits_for_a_number(options, schedule, numbers_read):
    """Only an epoch does, at its end, for the parts of its loss."""
    counts = []
    for batch_size in (1, 50):
        with numbers_read() as read:
            run = {**RUN, "schedule": schedule, "batch_size": batch_size, **options}
            ae.fit(ae.VAE(ae.mlp([6, 8, 4]), ae.mlp([2, 6])), IMAGES, epochs=2, **run)
        counts.append(len(read.by))
    assert counts[0] == counts[1] <= 2 + 2 * 2  # the look at the images, two parts of each epoch


# Checkpoints


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


def test_a_checkpoint_is_written_as_often_as_asked_and_at_the_end(tmp_path, uninterrupted, monkeypatch):
    written, write = [], training._write
    monkeypatch.setattr(training, "_write", lambda *args: written.append(args[-2].epochs[-1]) or write(*args))
    run = {**RUN, "checkpoint": tmp_path / "run", "checkpoint_every": 3}
    ae.fit(fresh_vae(), IMAGES, epochs=4, **run)
    assert written == [3, 4]
    (tmp_path / "run").unlink()
    written.clear()

    def killed(x):
        if written:
            raise InterruptedError
        return noisy(x)

    with pytest.raises(InterruptedError):
        ae.fit(fresh_vae(), IMAGES, epochs=9, **run | {"corrupt": killed})
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
    "before a byte of a checkpoint": "if len(calls) == 12: training.open = kill",
    "between the halves of a checkpoint": "if len(calls) == 12: training.open = Half",
    "before a checkpoint is flushed": "if len(calls) == 12: os.fsync = kill",
    "before a checkpoint is renamed": "if len(calls) == 12: os.replace = kill",
}

KILLED = """
import os, signal, sys
import test_training as t
from aecore import training

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

calls = []

def corrupt(x):
    calls.append(1)
    exec(moment, globals())
    return t.noisy(x)

t.torch.set_num_threads(1)
for when, moment in t.KILLS.items():  # each in a fork: starting Python and torch anew takes seconds
    if not os.fork():
        t.ae.fit(t.fresh_vae(), t.IMAGES, epochs=4, **{**t.RUN, "corrupt": corrupt}, checkpoint=f"{when}/run")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL, when
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bits(tmp_path, uninterrupted):
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = os.environ | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}  # CUDA does not survive a fork
    subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=env, check=True)
    for when in KILLS:
        model, steps = fresh_vae(), []

        def counting(x, steps=steps):
            steps.append(1)
            return noisy(x)

        history = ae.fit(model, IMAGES, epochs=4, **{**RUN, "corrupt": counting}, checkpoint=tmp_path / when / "run")
        assert len(steps) == 8, when  # epochs 1 and 2 were on the disk
        assert history.loss == uninterrupted[1].loss, when
        assert same_parameters(model, uninterrupted[0]), when


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"
    ae.fit(fresh_vae(), IMAGES, epochs=1, **RUN, checkpoint=path)
    return path


def truncated(path):
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path):
    path.write_bytes(b"")


def altered(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def altered_history(path):
    path.write_bytes(path.read_bytes().replace(b"interrupted", b"interrupteD"))


def foreign(path):
    save_file({"weight": torch.zeros(3)}, path)


def pickled(path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(path) + ".executed",)

    torch.save({"model": Trap()}, path)


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [truncated, emptied, altered, altered_history, foreign, pickled, folder])
def test_a_spoiled_checkpoint_is_refused_by_name_and_executes_nothing(checkpoint, spoil):
    spoil(checkpoint)
    model, untouched = fresh_vae().eval(), fresh_vae()
    with pytest.raises(ValueError, match=f"checkpoint .*{checkpoint.name} is (truncated|altered)"):
        ae.fit(model, IMAGES, epochs=2, **RUN, checkpoint=checkpoint)
    assert same_parameters(model, untouched)
    assert not model.training
    assert os.listdir(checkpoint.parent) == [checkpoint.name]


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"lr": 0.1}, "lr 0.005, now 0.1"), ({"seed": 4}, "seed 3, now 4"), ({"batch_size": 8}, "batch_size 16, now 8")],
)
def test_a_checkpoint_of_other_settings_is_refused_naming_what_differs(checkpoint, changed, told):
    with pytest.raises(ValueError, match=f"of another run: {told}"):
        ae.fit(fresh_vae(), IMAGES, epochs=2, **{**RUN, **changed}, checkpoint=checkpoint)


@pytest.mark.parametrize(
    "other", [IMAGES[:40], IMAGES.flip(0), IMAGES.double(), IMAGES.index_fill(0, torch.tensor(3), 0.5)]
)
def test_a_checkpoint_of_other_data_or_another_order_is_refused(checkpoint, other):
    with pytest.raises(ValueError, match="of another run: data"):
        ae.fit(fresh_vae(), other, epochs=2, **RUN, checkpoint=checkpoint)


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(checkpoint):
    def wider():
        torch.manual_seed(1)
        return ae.VAE(fresh_vae().encoder, nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 6)))

    model, untouched = wider(), wider()
    with pytest.raises(ValueError, match=r"of another model: .*decoder\.weight"):
        ae.fit(model, IMAGES, epochs=2, **RUN, checkpoint=checkpoint)
    assert same_parameters(model, untouched)


def test_a_loss_that_explodes_is_told_and_leaves_the_checkpoint_alone(checkpoint):
    content, calls = checkpoint.read_bytes(), []

    def explode(model, x, target):
        calls.append(1)
        parts = model.loss(x, target)
        return parts | {"kl": parts["kl"] * (math.inf if len(calls) == 6 else 1)}

    with pytest.raises(FloatingPointError, match=r"epoch 3.*smaller lr"):
        ae.fit(fresh_vae(), IMAGES, epochs=4, **RUN, loss=explode, checkpoint=checkpoint)
    good = ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=checkpoint)  # the second epoch was still good
    assert good.epochs == [1, 2]
    assert checkpoint.read_bytes() != content


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


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def slow(x):
    time.sleep(0.03)
    return x


def shown(monkeypatch, stream, **options):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)  # a build sets it
    monkeypatch.setattr(sys, "stderr", stream)
    ae.fit(fresh_vae(), IMAGES, epochs=4, **{**RUN, "corrupt": slow, "progress": True, **options})
    return stream.getvalue()


def test_a_terminal_shows_loss_parts_images_a_second_and_time_left(monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    text = shown(monkeypatch, Terminal())
    number = r"-?\d+\.\d"
    assert re.search(rf"loss={number}, reconstruction={number}, kl={number}", text)
    assert re.search(r"\d images/s", text)
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d", text)


def test_a_notebook_shows_it_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert "images/s" in shown(monkeypatch, io.StringIO())


def test_a_resumed_bar_begins_where_the_run_was(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=tmp_path / "run")
    assert "50%|" in shown(monkeypatch, Terminal(), checkpoint=tmp_path / "run")


@pytest.mark.parametrize(("stream", "options"), [(io.StringIO(), {}), (Terminal(), {"progress": False})])
def test_a_file_or_a_pipe_or_a_wish_for_silence_shows_nothing(monkeypatch, stream, options):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert shown(monkeypatch, stream, **options) == ""


# Devices


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_fastest_device_present_is_picked(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert ae.pick_device().type == expected


def test_a_gradient_that_the_caller_keeps_is_left_as_it_is():
    model = ae.VAE(ae.mlp([6, 16, 4]), ae.mlp([2, 6]))  # plain: its gradient is written out, in place
    kept = [torch.ones_like(weight) for weight in model.parameters()]
    for weight, gradient in zip(model.parameters(), kept, strict=True):
        weight.grad = gradient
    ae.fit(model, IMAGES, **{**RUN, "epochs": 2, "corrupt": None})
    assert all(bool((gradient == 1).all()) for gradient in kept)


@needs_gpu
def test_a_gpu_is_used_if_present_and_its_randomness_given_back():
    model, state = fresh_vae(), torch.cuda.get_rng_state()
    history = ae.fit(model, IMAGES, epochs=2, **{**RUN, "device": None})
    assert next(model.parameters()).is_cuda
    assert history.loss[1] < history.loss[0]
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert math.isfinite(ae.evaluate(model, IMAGES.cuda()))


@needs_gpu
def test_a_run_on_the_cpu_does_not_touch_the_gpus_randomness():
    model, state = fresh_vae(), torch.cuda.get_rng_state()
    ae.fit(model, IMAGES, epochs=1, **RUN)
    assert torch.equal(torch.cuda.get_rng_state(), state)


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


@needs_gpu
def test_data_on_another_device_than_the_model_is_refused_by_name():
    model = fresh_vae().cuda()
    with pytest.raises(ValueError, match="x must be on the device of the model, cuda:0, got cpu"):
        model.elbo(IMAGES)
    with pytest.raises(ValueError, match="x must be on the device of x_hat"):
        ae.squared_error(IMAGES.cuda(), IMAGES)


class NoGenerator:
    """What a recording asks of a GPU's source of randomness."""

    def __init__(self):
        self.state = "as it was"

    def clone_state(self):
        return self.state

    def graphsafe_set_state(self, state):
        self.state = state


@pytest.fixture
def no_gpu(monkeypatch):
    """A graph and a generator that are none: this machine may have no GPU to record on."""
    generator = NoGenerator()
    monkeypatch.setattr(torch.cuda, "default_generators", {None: generator})
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: nullcontext())
    return generator


def test_a_step_of_each_size_is_replayed_after_a_few_that_run_as_they_are(monkeypatch, no_gpu):
    ran, replayed = [], []

    class Graph:
        def replay(self):
            (recorded,) = (recorded for recorded in step.recorded.values() if recorded.graph is self)
            replayed.append(recorded.target.clone())

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(Replayed, "_beside", lambda self, target: self.step(target))
    step = Replayed(lambda target: ran.append(target.clone()) or {"loss": target.sum()}, warm_up=2)
    batches = [*IMAGES.split(8), *IMAGES.flip(0).split(8)]  # twice, as in two epochs: six of 8, one of 2
    for batch in batches:
        step(batch)
    assert [len(target) for target in ran] == [8, 8, 8, 2, 2]  # two to warm up, and the one that is recorded
    assert [target.tolist() for target in replayed] == [batch.tolist() for batch in batches[2:6] + batches[7:13]]


def test_a_step_that_cannot_be_recorded_is_told_and_leaves_randomness_alone(no_gpu):
    def reads(target):
        no_gpu.state = "in a recording"
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(ValueError, match=r"cuda_graph must be False .* not permitted when stream is capturing"):
        Replayed(reads, warm_up=0)(IMAGES)
    assert no_gpu.state == "as it was"


def test_where_nobody_asked_for_a_recording_training_goes_on_without_one(no_gpu, monkeypatch):
    @contextmanager
    def graph(_):
        yield
        raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(torch.cuda, "graph", graph)
    step = Replayed(lambda target: {"loss": target.sum()}, asked=False, warm_up=0)
    assert [step(batch)["loss"].item() for batch in (IMAGES, IMAGES + 1)] == [IMAGES.sum(), (IMAGES + 1).sum()]
    assert no_gpu.state == "as it was"


@needs_gpu
def test_a_plain_vae_is_recorded_unless_its_user_says_no_or_brings_code(monkeypatch):
    recorded, record = [], Replayed._record
    monkeypatch.setattr(Replayed, "_record", lambda self, target: recorded.append(1) or record(self, target))
    run = {**RUN, "device": "cuda", "epochs": 2, "corrupt": None}
    for expected, options in (
        (1, {}),
        (0, {"cuda_graph": False}),
        (0, {"corrupt": noisy}),
        (0, {"loss": lambda vae, x, target: vae.loss(x, target)}),
        (1, {"loss": lambda vae, x, target: vae.loss(x, target), "cuda_graph": True}),
    ):
        recorded.clear()
        ae.fit(plain_vae(), IMAGES, **run | options)
        assert len(recorded) == expected, options


def plain_vae(likelihood="bernoulli"):
    torch.manual_seed(7)
    return ae.VAE(ae.mlp([6, 16, 4]), ae.mlp([2, 16, 6]), likelihood)


RECORDED = {
    "an autoencoder": (lambda: ae.Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6)), None),
    "a plain VAE": (plain_vae, None),  # its gradient is written out
    "a Gaussian VAE": (lambda: plain_vae("gaussian"), None),
    "autograd": (plain_vae, lambda vae, x, target: vae.loss(x, target)),
    "a bound": (plain_vae, lambda vae, x, target: -ae.iwae_bound(vae.log_weights(target, 5))),
    "dropout": (fresh_vae, None),
    "a penalty": (
        lambda: ae.Autoencoder(ae.mlp([6, 8, 2]), ae.mlp([2, 6])),
        lambda model, x, target: model.loss(x, target) + ae.l1_sparsity(model.encode(x)),
    ),
}


@needs_gpu
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
@pytest.mark.parametrize("what", RECORDED)
def test_a_graph_learns_what_single_steps_learn(what, schedule):
    make, loss = RECORDED[what]
    run = {**RUN, "device": "cuda", "schedule": schedule, "epochs": 8, "loss": loss, "corrupt": None}
    single = make()
    graph = copy.deepcopy(single)
    losses = ae.fit(single, IMAGES, **run).loss
    assert ae.fit(graph, IMAGES, **run, cuda_graph=True).loss == pytest.approx(losses, rel=1e-4)
    for mine, theirs in zip(graph.parameters(), single.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


@needs_gpu
def test_a_graph_draws_new_noise_for_each_step():
    noise = torch.zeros((), device="cuda")
    kept = []

    def corrupt(x):
        noise.copy_(torch.rand((), device="cuda"))
        return x

    model = ae.Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6))
    for seed in range(2):
        ae.fit(model, IMAGES, epochs=2, device="cuda", batch_size=5, corrupt=corrupt, cuda_graph=True, seed=seed)
        kept.append(noise.item())
    assert kept[0] != kept[1]


@needs_gpu
def test_a_loss_that_reads_numbers_cannot_be_recorded():
    def loss(model, x, target):
        return (model(x) - target).square().sum(dim=1) * (1 if target.sum().item() else 0)

    with pytest.raises(ValueError, match="cuda_graph must be False"):
        ae.fit(fresh_vae(), IMAGES, epochs=4, **{**RUN, "device": "cuda"}, loss=loss, cuda_graph=True)
    assert torch.rand(100, device="cuda").std() > 0.1  # the generator does not stay in the recording
