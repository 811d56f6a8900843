"""Training learns, shows its progress, and leaves nothing changed behind. Checkpoints: test_checkpoint.py."""

import io
import math
import re
import sys
import time

import nbformat
import pytest
import torch
import torch.nn as nn
from nbclient import NotebookClient
from training_runs import IMAGES, RUN, fresh_vae, needs_gpu, noisy, same_parameters

import aecore as ae
from aecore.training.progress import progress_bar

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
    seen, step = [], torch.optim.Adam.step

    def spy(self):
        seen.extend(group["lr"] for group in self.param_groups)
        return step(self)

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.Adam, "step", spy)
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
    ae.fit(fresh_vae(), IMAGES, epochs=2, **{**RUN, "corrupt": slow}, checkpoint=tmp_path / "run")
    assert "50%|" in shown(monkeypatch, Terminal(), checkpoint=tmp_path / "run")


def test_a_build_silences_every_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    for value, silent in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("TQDM_DISABLE", value)
        with progress_bar(True, total=2, done=0) as bar:
            assert bar.disable is silent


def test_a_saved_notebook_keeps_no_dead_bar(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "0")
    source = "import torch\nimport aecore as ae\nvae = ae.VAE(ae.mlp([4, 2]), ae.mlp([1, 4]))\n"
    cells = [nbformat.v4.new_code_cell(source + "ae.fit(vae, torch.rand(8, 4), epochs=2)\nNone")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    (bar,) = notebook.cells[0].outputs  # shown, and then empty
    assert bar.data == {"text/plain": ""}


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
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert ae.pick_device().type == expected


@pytest.mark.parametrize(
    ("local_rank", "visible", "expected"),
    [(None, 4, None), ("", 4, None), (" ", 4, None), ("0", 4, 0), ("3", 4, 3), ("3", 1, None), ("0", 1, None)],
)
def test_each_process_of_a_machine_gets_a_gpu_of_its_own(monkeypatch, local_rank, visible, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if local_rank is not None:
        monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert ae.pick_device() == torch.device("cuda", expected)


@pytest.mark.parametrize("local_rank", ["4", "-1", "one", "1.0"])
def test_a_local_rank_without_a_gpu_is_refused_by_name(monkeypatch, local_rank):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    with pytest.raises(ValueError, match=f"LOCAL_RANK must be the number of a visible GPU, 0 to 3.*got '{local_rank}'"):
        ae.pick_device()


def test_a_gradient_that_the_caller_keeps_is_left_as_it_is():
    model = ae.VAE(ae.mlp([6, 16, 4]), ae.mlp([2, 6]))  # plain: its gradient is hand-written
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
def test_data_on_another_device_than_the_model_is_refused_by_name():
    model = fresh_vae().cuda()
    with pytest.raises(ValueError, match="x must be on the device of the model, cuda:0, got cpu"):
        model.elbo(IMAGES)
    with pytest.raises(ValueError, match="x must be on the device of x_hat"):
        ae.squared_error(IMAGES.cuda(), IMAGES)
