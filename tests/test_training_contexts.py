"""What the caller has set on a model or in torch is respected by a run, or refused before anything changes."""

import copy
import math
import threading

import pytest
import torch
import torch.nn as nn
from torch.utils._python_dispatch import TorchDispatchMode
from training_runs import IMAGES, RUN, fresh_vae, same_parameters

import aecore as ae
from aecore.training.contexts import moved

QUIET = {"batch_size": 16, "lr": 5e-3, "device": "cpu", "progress": False}


def vae(likelihood="bernoulli"):
    torch.manual_seed(7)
    return ae.VAE(ae.mlp([6, 32, 4]), ae.mlp([2, 32, 6]), likelihood)


def normalized():
    """An autoencoder with batch normalization in the encoder and dropout in the decoder."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    return ae.Autoencoder(encoder, nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 6)))


# Train and eval mode


def modes(model):
    return [module.training for module in model.modules()]


def test_a_frozen_batch_normalization_is_not_trained_and_stays_in_eval_mode():
    model = normalized()
    model.encoder[1].eval()
    before, statistics = modes(model), copy.deepcopy(list(model.encoder[1].buffers()))
    seen = []
    ae.fit(model, IMAGES, epochs=2, **QUIET, corrupt=lambda x: seen.append(modes(model)) or x)
    assert seen == [before] * 8
    assert modes(model) == before
    assert all(torch.equal(a, b) for a, b in zip(model.encoder[1].buffers(), statistics, strict=True))


def test_a_model_in_eval_mode_as_a_whole_is_trained_as_a_whole():
    model, expected = normalized().eval(), normalized()
    seen = []
    ae.fit(model, IMAGES, epochs=1, **QUIET, corrupt=lambda x: seen.append(modes(model)) or x)
    ae.fit(expected, IMAGES, epochs=1, **QUIET)
    assert seen == [[True] * 7] * 4
    assert modes(model) == [False] * 7
    assert same_parameters(model, expected)  # and its batch statistics


def test_an_evaluation_is_in_eval_mode_and_restores_every_mode():
    model = normalized()
    model.decoder.eval()
    before, buffers = modes(model), copy.deepcopy(list(model.buffers()))
    seen = []
    ae.evaluate(model, IMAGES, corrupt=lambda x: seen.append(modes(model)) or x)
    with pytest.raises(ZeroDivisionError):
        ae.evaluate(model, IMAGES, corrupt=lambda x: 1 / 0)
    assert seen == [[False] * 7]
    assert modes(model) == before
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), buffers, strict=True))


# Mixed and half precision


@pytest.mark.parametrize("make", [vae, lambda: vae("gaussian"), normalized])
def test_a_run_in_bfloat16_learns_as_well_as_one_without(make):
    exact, mixed = make(), make()
    expected = ae.fit(exact, IMAGES, epochs=20, **QUIET).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ae.fit(mixed, IMAGES, epochs=20, **QUIET).loss
        inside = ae.evaluate(mixed, IMAGES)
    assert expected[-1] < expected[0]
    assert found == pytest.approx(expected, rel=0.02)
    assert {weight.dtype for weight in mixed.parameters()} == {torch.float32}
    assert inside == pytest.approx(ae.evaluate(mixed, IMAGES), rel=0.02)


def test_weights_that_were_cast_before_a_run_are_cast_anew_after_it():
    model = ae.Autoencoder(nn.Linear(6, 3), nn.Linear(3, 6))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(IMAGES)
        ae.fit(model, IMAGES, epochs=5, **{**QUIET, "lr": 0.1})
        assert torch.is_autocast_cache_enabled()
        after = model(IMAGES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(model(IMAGES), after)


def test_float16_without_a_scaled_loss_is_refused_by_name():
    model, untouched = vae(), vae()
    with (
        torch.autocast("cpu", dtype=torch.float16),
        pytest.raises(ValueError, match=r"torch\.autocast must have dtype torch\.bfloat16 around fit, got .*float16"),
    ):
        ae.fit(model, IMAGES, epochs=1, **QUIET)
    assert same_parameters(model, untouched)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_in_half_precision_is_refused_by_name(dtype):
    model = vae().to(dtype)
    untouched = copy.deepcopy(model)
    with pytest.raises(TypeError, match=f"model must have float32 or float64 parameters.*got {dtype}"):
        ae.fit(model, IMAGES.to(dtype), epochs=1, **QUIET)
    assert same_parameters(model, untouched)
    head = ae.Autoencoder(nn.Linear(6, 3).to(dtype).requires_grad_(False), nn.Linear(3, 6))
    before = copy.deepcopy(head)

    def loss(model, x, target):
        return ae.squared_error(model.decoder(model.encoder(x.to(dtype)).float()), target)

    ae.fit(head, IMAGES, epochs=1, **QUIET, loss=loss)  # what is frozen may have any dtype
    assert same_parameters(head.encoder, before.encoder)
    assert not same_parameters(head.decoder, before.decoder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_images_in_half_precision_do_not_fit_a_model_in_float32(dtype):
    with pytest.raises(ValueError, match=f"x must fit the encoder, got .*{dtype}"):
        ae.fit(vae(), IMAGES.to(dtype), epochs=1, **QUIET)


def test_the_mean_of_a_loss_in_half_precision_is_not_rounded():
    values = IMAGES.sum(dim=1).bfloat16()

    def loss(model, x, target):
        return (model.encoder.weight.sum() * 0 + values).bfloat16()

    model = ae.Autoencoder(nn.Linear(6, 3), nn.Linear(3, 6))
    mean = values.float().mean().item()
    assert mean != values.mean().item()
    assert ae.evaluate(model, IMAGES, loss=loss) == pytest.approx(mean, rel=1e-6)
    assert ae.fit(model, IMAGES, epochs=1, **{**QUIET, "batch_size": 50}, loss=loss).loss[0] == pytest.approx(
        mean, rel=1e-6
    )


# Numbers that are none


def test_weights_that_are_lost_in_the_only_step_are_neither_returned_nor_saved(tmp_path):
    run = {**QUIET, "batch_size": 50, "lr": 1e39}  # the loss is finite, and what Adam makes of the weights is not
    with pytest.raises(FloatingPointError, match=r"weights that are not finite: encoder\.0\.weight.* smaller lr"):
        ae.fit(fresh_vae(), IMAGES, epochs=1, **run, checkpoint=tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("epochs", [3, 9])
def test_weights_that_are_lost_in_the_last_step_of_an_epoch_leave_the_last_good_checkpoint(tmp_path, epochs):
    path, model, contents = tmp_path / "run", fresh_vae(), []

    def noting(x):
        contents.append(path.read_bytes() if contents else b"")
        return x

    model.decoder.weight.register_hook(lambda gradient: gradient * (math.nan if len(contents) == 3 else 1))
    run = {**QUIET, "batch_size": 50, "corrupt": noting}
    with pytest.raises(FloatingPointError, match=r"weights that are not finite: decoder\.weight"):
        ae.fit(model, IMAGES, epochs=epochs, **run, checkpoint=path)
    assert len(contents) == 3
    assert path.read_bytes() == contents[2] != contents[1]


def test_a_mask_of_infinities_is_no_reason_to_stop_but_statistics_that_overflow_are():
    model = normalized()
    model.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    ae.fit(model, IMAGES, epochs=1, **QUIET)

    def overflow(x):
        model.encoder[1].running_var = torch.full((4,), math.inf)  # another tensor under the same name
        return x

    with pytest.raises(FloatingPointError, match=r"weights that are not finite: encoder\.1\.running_var"):
        ae.fit(model, IMAGES, epochs=1, **QUIET, corrupt=overflow)


# Gradients switched off


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_are_recorded_where_the_caller_has_switched_them_off(off):
    for make in (vae, fresh_vae):
        expected, model = make(), make()
        loss = ae.fit(expected, IMAGES, epochs=2, **QUIET).loss
        with off():
            assert ae.fit(model, IMAGES.clone(), epochs=2, **QUIET).loss == loss
            assert not torch.is_grad_enabled()
        assert same_parameters(model, expected)


def test_a_model_that_is_read_only_is_refused_by_name():
    with torch.inference_mode():
        model = vae()
    with pytest.raises(ValueError, match=r"model must be made outside of torch\.inference_mode"):
        ae.fit(model, IMAGES, epochs=1, **QUIET)


# Randomness


def test_a_run_in_a_second_thread_is_refused_and_the_first_keeps_its_seed():
    expected, first, second = fresh_vae(), fresh_vae(), fresh_vae()
    untouched, errors = fresh_vae(), []
    state = torch.get_rng_state()
    losses = ae.fit(expected, IMAGES, epochs=2, **RUN).loss

    def attempt(function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except RuntimeError as error:
            errors.append(str(error))

    def meanwhile(x):
        for function, kwargs in ((ae.fit, {**QUIET, "epochs": 1}), (ae.evaluate, {})):
            thread = threading.Thread(target=attempt, args=(function, second, IMAGES), kwargs=kwargs)
            thread.start()
            thread.join()
        return RUN["corrupt"](x)

    assert ae.fit(first, IMAGES, epochs=2, **{**RUN, "corrupt": meanwhile}).loss == losses
    assert len(errors) == 16
    assert all("random state must belong to one seeded run at a time, got a second" in error for error in errors)
    assert same_parameters(second, untouched)
    assert torch.equal(torch.get_rng_state(), state)
    ae.fit(second, IMAGES, epochs=1, **QUIET)  # one after the other


def test_a_run_inside_a_run_changes_nothing_outside():
    expected, outer, inner = fresh_vae(), fresh_vae(), vae()
    state = torch.get_rng_state()
    losses = ae.fit(expected, IMAGES, epochs=2, **RUN).loss

    def nested(x):
        ae.fit(inner, IMAGES, epochs=1, **QUIET, seed=9)
        ae.evaluate(outer, IMAGES, seed=4)
        return RUN["corrupt"](x)

    assert ae.fit(outer, IMAGES, epochs=2, **{**RUN, "corrupt": nested}).loss == losses
    assert torch.equal(torch.get_rng_state(), state)


def test_an_evaluation_without_randomness_has_one_result_for_every_batch_size():
    model = ae.Autoencoder(ae.mlp([6, 3]), ae.mlp([3, 6])).double()
    results = [ae.evaluate(model, IMAGES.double(), batch_size=size) for size in (1, 7, 16, 50, 1000)]
    assert results == pytest.approx([results[0]] * 5, rel=1e-14)


def test_an_evaluation_with_randomness_varies_with_the_batch_size_no_more_than_with_the_seed():
    model, images = vae(), IMAGES.repeat(40, 1)
    draws = torch.stack([model.elbo(images).detach() for _ in range(50)])
    expected = draws.var(dim=0).mean().sqrt().item() * math.sqrt(2 / len(images))  # as the docstring says
    by_seed = torch.tensor([ae.evaluate(model, images, seed=seed) for seed in range(40)])
    by_size = torch.tensor([ae.evaluate(model, images, batch_size=size) for size in range(101, 2000, 50)])
    assert by_seed.diff().square().mean().sqrt().item() == pytest.approx(expected, rel=0.5)
    assert 0 < by_size.diff().square().mean().sqrt() < 1.5 * expected


# Compiled models


def test_a_compiled_model_is_trained_and_its_weights_are_those_of_the_original():
    original, expected = normalized(), normalized()
    compiled = torch.compile(original, backend="eager")
    loss = lambda model, x, target: ae.squared_error(model(x), target)  # noqa: E731
    found = ae.fit(compiled, IMAGES, epochs=2, **QUIET, loss=loss).loss
    assert found == pytest.approx(ae.fit(expected, IMAGES, epochs=2, **QUIET).loss, rel=1e-5)
    assert ae.evaluate(compiled, IMAGES, loss=loss) == pytest.approx(ae.evaluate(expected, IMAGES), rel=1e-5)
    assert ae.fit(compiled, IMAGES, epochs=1, **QUIET).loss[0] < found[0]  # with its own loss


# Errors


def everything(model):
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [weight.grad for weight in model.parameters()]
    return weights, gradients, modes(model), [len(module._forward_hooks) for module in model.modules()]


REFUSED = {
    "no loss": {"model": nn.Linear(6, 6)},
    "a loss of another signature": {"loss": lambda x: x},
    "labels for a loss without them": {"labels": torch.arange(50)},
    "a loss of another shape": {"loss": lambda model, x, target: model(x)},
    "a loss without a gradient": {"loss": lambda model, x, target: torch.zeros(())},
    "images of another size": {"images": IMAGES[:, :5]},
    "an unknown schedule": {"schedule": "cosine"},
    "a checkpoint of another run": {"checkpoint": "run", "lr": 0.1},
    "a graph without a GPU": {"cuda_graph": True},
    "nothing to train": {"model": nn.Linear(6, 6).requires_grad_(False)},
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_run_leaves_model_files_and_random_state_as_they_were(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ae.fit(fresh_vae(), IMAGES, epochs=1, **QUIET, checkpoint="run")
    content = (tmp_path / "run").read_bytes()
    run = {"model": fresh_vae(), "images": IMAGES, "epochs": 2, **QUIET, **REFUSED[what]}
    model = run["model"]
    model.train(False)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    before, kept, state = everything(model), [weight.grad for weight in model.parameters()], torch.get_rng_state()
    with pytest.raises((TypeError, ValueError)):
        ae.fit(**run)
    torch.testing.assert_close(everything(model), before, rtol=0, atol=0)
    assert all(weight.grad is gradient for weight, gradient in zip(model.parameters(), kept, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run").read_bytes() == content
    ae.fit(fresh_vae(), IMAGES, epochs=2, **QUIET, checkpoint="run")  # nothing is locked either


class Moving(nn.Linear):
    """A module that notes where it is moved to."""

    def __init__(self):
        super().__init__(2, 2)
        self.places = []

    def to(self, device):
        self.places.append(str(device))
        return self


def test_a_model_is_moved_back_if_its_run_cannot_start():
    model = Moving()
    with moved(model, torch.device("cuda", 1)):
        pass
    assert model.places == ["cuda:1"]
    with pytest.raises(ZeroDivisionError), moved(model, torch.device("cuda", 1)):
        raise ZeroDivisionError
    assert model.places == ["cuda:1"] * 2 + ["cpu"]


class NoFloat64(TorchDispatchMode):
    """A device without float64, as Apple's GPU is."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        for value in output if isinstance(output, tuple) else (output,):
            assert not isinstance(value, torch.Tensor) or value.dtype != torch.float64, func
        return output


@pytest.mark.parametrize("make", [vae, lambda: vae("gaussian"), fresh_vae, normalized])
def test_no_device_is_asked_for_float64(make):
    with NoFloat64():
        ae.fit(make(), IMAGES, epochs=2, **QUIET, schedule="one_cycle")
        ae.evaluate(make(), IMAGES)
