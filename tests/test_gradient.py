"""The hand-written gradient of `fit` is autograd's, and a model that it is not written for goes through autograd."""

import copy
import types

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.modules import module as torch_module
from torch.nn.utils import parametrize, prune
from torch.utils.hooks import RemovableHandle

import aecore as ae
from aecore.losses import likelihoods
from aecore.models import vae as vaes
from aecore.training import gradient as by_hand_gradient
from aecore.training.gradient import NegativeElbo

SHAPE = (3, 4)


def vae_of(activation=nn.ReLU, likelihood="bernoulli", dtype=torch.float64, **options):
    torch.manual_seed(0)
    encoder = ae.mlp([12, 7, 6, 2 * 2], activation)
    decoder = ae.mlp([2, 5, 12], activation, out_shape=SHAPE)
    return ae.VAE(encoder, decoder, likelihood, **options).to(dtype)


def images(n=9, dtype=torch.float64):
    return torch.rand(n, *SHAPE, dtype=dtype, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid])
def test_parts_and_gradients_are_autograds(activation, likelihood, beta):
    vae = vae_of(activation, likelihood, sigma=0.3, beta=beta)
    x, target = images(), images().flip(0)
    torch.manual_seed(2)
    expected = {name: part.mean() for name, part in vae.loss(x, target).items()}
    sum(expected.values()).backward()
    gradients = [weight.grad for weight in vae.parameters()]
    vae.zero_grad()
    torch.manual_seed(2)  # the same ε
    found = NegativeElbo.of(vae)(x, target)
    assert list(found) == list(expected)
    for name, part in found.items():
        torch.testing.assert_close(part, expected[name].detach(), rtol=1e-12, atol=1e-12)
    for weight, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-10, atol=1e-12)


@pytest.fixture
def threads_with_blocks(monkeypatch):
    """A function that sets the number of threads; also small weights are then computed in blocks of rows."""
    before = torch.get_num_threads()
    monkeypatch.setattr(by_hand_gradient, "LARGE", 1)
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize(("threads", "divided"), [(1, 0), (2, 3), (3, 2), (4, 2), (5, 0)])
def test_gradients_are_autograds_when_each_thread_has_its_rows(threads, divided, activation, threads_with_blocks):
    vae, x = vae_of(activation), images()
    torch.manual_seed(2)
    sum(part.mean() for part in vae.loss(x, x).values()).backward()
    gradients = [weight.grad for weight in vae.parameters()]
    vae.zero_grad()
    threads_with_blocks(threads)
    matrices = [weight for weight in vae.parameters() if weight.ndim == 2]  # of 7, 6, 4, 5 and 12 rows
    assert sum(by_hand_gradient.row_blocks(weight) == threads for weight in matrices if threads > 1) == divided
    by_hand = NegativeElbo.of(vae)
    for _ in range(2):  # into new memory, then into the same
        torch.manual_seed(2)
        by_hand(x, x)
        for weight, gradient in zip(vae.parameters(), gradients, strict=True):
            torch.testing.assert_close(weight.grad, gradient, rtol=1e-10, atol=1e-12)


def test_only_large_contiguous_weights_on_a_cpu_are_computed_in_blocks(threads_with_blocks, monkeypatch):
    threads_with_blocks(2)
    assert by_hand_gradient.row_blocks(torch.empty(6, 5)) == 2
    assert by_hand_gradient.row_blocks(torch.empty(5, 6)) == 1  # two do not divide five
    assert by_hand_gradient.row_blocks(torch.empty(5, 6).t()) == 1  # a block would not be contiguous
    assert by_hand_gradient.row_blocks(torch.empty(6, 5, device="meta")) == 1
    monkeypatch.setattr(by_hand_gradient, "LARGE", 31)
    assert by_hand_gradient.row_blocks(torch.empty(6, 5)) == 1


def test_logits_far_out_overflow_nothing():
    vae = vae_of(dtype=torch.float32)
    with torch.no_grad():
        vae.decoder[-2].weight.mul_(1e6)
    found = NegativeElbo.of(vae)(images(dtype=torch.float32), images(dtype=torch.float32))
    assert all(bool(part.isfinite()) for part in found.values())
    assert all(bool(weight.grad.isfinite().all()) for weight in vae.parameters())


def counted(monkeypatch):
    """The calls of the hand-written gradient."""
    calls, call = [], NegativeElbo.__call__
    monkeypatch.setattr(NegativeElbo, "__call__", lambda self, x, target: calls.append(1) or call(self, x, target))
    return calls


def test_fit_learns_the_same_by_hand(monkeypatch):
    calls = counted(monkeypatch)
    run = {"epochs": 3, "batch_size": 4, "lr": 0.01, "device": "cpu", "progress": False, "corrupt": lambda x: x / 2}
    by_hand = vae_of()
    by_autograd = copy.deepcopy(by_hand)
    history = ae.fit(by_hand, images(), **run)
    assert len(calls) == 9  # steps of 4, 4 and 1 images
    expected = ae.fit(by_autograd, images(), loss=lambda vae, x, target: vae.loss(x, target), **run)
    assert len(calls) == 9
    torch.testing.assert_close(history.loss, expected.loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(history.parts, expected.parts, rtol=1e-12, atol=0)
    for ours, theirs in zip(by_hand.parameters(), by_autograd.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_step_reuses_the_memory_of_its_gradients_and_leaves_the_callers_alone():
    vae, x = vae_of(), images()
    kept = [torch.ones_like(weight) for weight in vae.parameters()]
    for weight, gradient in zip(vae.parameters(), kept, strict=True):
        weight.grad = gradient
    by_hand = NegativeElbo.of(vae)
    by_hand(x, x)
    before = [weight.grad.data_ptr() for weight in vae.parameters()]
    by_hand(x, x)
    assert [weight.grad.data_ptr() for weight in vae.parameters()] == before
    assert all(bool((gradient == 1).all()) for gradient in kept)


# Which models are plain


class OwnElbo(ae.VAE):
    pass


def double(fan_in, fan_out, **options):
    return nn.Linear(fan_in, fan_out, dtype=torch.float64, **options)


def share_a_bias(vae):
    vae.decoder[1], vae.decoder[3] = double(2, 6), double(6, 12)
    vae.decoder[1].bias = vae.encoder[3].bias


CHANGES = {
    "a subclass": lambda vae: setattr(vae, "__class__", OwnElbo),
    "another activation": lambda vae: vae.encoder.__setitem__(2, nn.GELU()),
    "a normalization": lambda vae: vae.encoder.insert(2, nn.BatchNorm1d(7, dtype=torch.float64)),
    "nothing that flattens": lambda vae: vae.encoder.pop(0),
    "a flattening of other dimensions": lambda vae: vae.encoder.__setitem__(0, nn.Flatten(0)),
    "an unflattening of another dimension": lambda vae: vae.decoder.__setitem__(4, nn.Unflatten(0, (3, -1))),
    "no bias": lambda vae: vae.decoder.__setitem__(1, double(2, 5, bias=False)),
    "an activation at the end": lambda vae: vae.encoder.append(nn.Tanh()),
    "a hook of a weight": lambda vae: vae.encoder[1].weight.register_hook(lambda gradient: gradient),
    "a late hook of a weight": lambda vae: vae.encoder[1].weight.register_post_accumulate_grad_hook(lambda _: None),
    "a frozen weight": lambda vae: vae.decoder[1].weight.requires_grad_(False),
    "a shared weight": share_a_bias,
    "a parametrized weight": lambda vae: nn.utils.parametrizations.weight_norm(vae.encoder[1]),
    "a pruned weight": lambda vae: prune.l1_unstructured(vae.encoder[1], "weight", 0.5),
    "a compiled network": lambda vae: vae.encoder.compile(backend="eager"),
    "a weight of another class": lambda vae: setattr(vae.encoder[1], "weight", Weight(vae.encoder[1].weight)),
    "a beta that is a tensor": lambda vae: setattr(vae, "beta", torch.tensor(2.0)),
    "bfloat16": lambda vae: vae.to(torch.bfloat16),
    "widths that do not fit": lambda vae: vae.decoder.__setitem__(1, double(3, 5)),
}


class Weight(nn.Parameter):
    pass


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_model_that_is_not_plain_goes_through_autograd(what):
    vae = vae_of()
    assert NegativeElbo.of(vae) is not None
    CHANGES[what](vae)
    assert NegativeElbo.of(vae) is None


def test_a_watched_backward_pass_goes_through_autograd():
    with torch.autograd.set_detect_anomaly(True):
        assert NegativeElbo.of(vae_of()) is None
    assert NegativeElbo.of(vae_of()) is not None


# What a caller can make `VAE.loss` run. Each puts a spy in the place of a function.


def on(owner, name):
    """The spy replaces `owner.name`, where `owner` may depend on the model."""

    def patch(vae, spy, monkeypatch):
        place = owner(vae) if isinstance(owner, types.FunctionType) else owner
        monkeypatch.setattr(place, name, spy(getattr(place, name)))

    return patch


def hooked(register):
    """The spy is a hook; the handle that removes it is returned."""
    return lambda vae, spy, monkeypatch: register(vae, spy(lambda *_: None))


def replace_code(vae, spy, monkeypatch):
    """As a notebook's autoreload does: the function stays, its code is another."""
    monkeypatch.setattr(ae.VAE.loss, "__code__", reloaded.__code__)
    monkeypatch.setitem(ae.VAE.loss.__globals__, "spied", spy(lambda: None))


def reloaded(self, x, target=None):
    spied()  # noqa: F821  (a global name of its module in the test)
    parts = self.elbo_parts(x, target)
    return {"reconstruction": -parts["log_prob"], "kl": self.beta * parts["kl"]}


class Doubled(nn.Module):
    def __init__(self, spy):
        super().__init__()
        self.spied = spy(lambda: None)

    def forward(self, weight):
        self.spied()
        return 2 * weight


SPIES = {
    "vae.loss": on(lambda vae: vae, "loss"),
    "vae.elbo_parts": on(lambda vae: vae, "elbo_parts"),
    "vae.posterior": on(lambda vae: vae, "posterior"),
    "vae.encoder.forward": on(lambda vae: vae.encoder, "forward"),
    "vae.encoder[1].forward": on(lambda vae: vae.encoder[1], "forward"),
    "vae.decoder[2].forward": on(lambda vae: vae.decoder[2], "forward"),
    "VAE.loss": on(ae.VAE, "loss"),
    "VAE.elbo_parts": on(ae.VAE, "elbo_parts"),
    "VAE.posterior": on(ae.VAE, "posterior"),
    "the code of VAE.loss": replace_code,
    "reparameterize": on(vaes, "reparameterize"),
    "gaussian_kl": on(vaes, "gaussian_kl"),
    "bernoulli_log_prob": on(vaes, "bernoulli_log_prob"),
    "log_prob": on(vaes, "log_prob"),
    "bernoulli_rows": on(likelihoods, "bernoulli_rows"),
    "call_part": on(vaes, "call_part"),
    "nn.Module.__call__": on(nn.Module, "__call__"),
    "nn.Linear.forward": on(nn.Linear, "forward"),
    "nn.ReLU.forward": on(nn.ReLU, "forward"),
    "F.linear": on(F, "linear"),
    "a parametrization": lambda vae, spy, _: parametrize.register_parametrization(
        vae.encoder[1], "weight", Doubled(spy), unsafe=True
    ),
    "a forward hook": hooked(lambda vae, spy: vae.encoder[1].register_forward_hook(spy)),
    "a hook before forward": hooked(lambda vae, spy: vae.encoder.register_forward_pre_hook(spy)),
    "a hook of the gradient": hooked(lambda vae, spy: vae.decoder.register_full_backward_hook(spy)),
    "a hook of every module": hooked(lambda vae, spy: torch_module.register_module_forward_hook(spy)),
    "a hook before every module": hooked(lambda vae, spy: torch_module.register_module_forward_pre_hook(spy)),
    "a hook of every gradient": hooked(lambda vae, spy: torch_module.register_module_full_backward_hook(spy)),
}


@pytest.mark.filterwarnings("ignore:Full backward hook is firing", "ignore:For backward hooks to be called")  # torch's
@pytest.mark.parametrize("what", SPIES)
def test_what_the_caller_changed_is_called_in_training(what, monkeypatch):
    called = []

    def spy(function):
        def spied(*args, **kwargs):
            called.append(what)
            return function(*args, **kwargs)

        return spied

    vae = vae_of(dtype=torch.float32)
    handle = SPIES[what](vae, spy, monkeypatch)
    try:
        ae.fit(vae, images(dtype=torch.float32), epochs=1, device="cpu", progress=False)
    finally:
        if isinstance(handle, RemovableHandle):
            handle.remove()
    assert called
    monkeypatch.undo()
    assert NegativeElbo.of(vae_of()) is not None  # and nothing is left of it


def test_a_loss_of_the_callers_on_a_model_is_what_is_trained():
    vae, other = vae_of(), vae_of()
    vae.loss = lambda x, target: {"loss": 3 * vae.encoder(x).square().sum(dim=1)}
    history = ae.fit(vae, images(), epochs=2, device="cpu", progress=False)
    expected = ae.fit(
        other, images(), epochs=2, device="cpu", progress=False,
        loss=lambda model, x, target: 3 * model.encoder(x).square().sum(dim=1),
    )  # fmt: skip
    assert history.loss == expected.loss


def test_convolutions_autoencoders_and_autocast_go_through_autograd():
    convolutional = ae.VAE(ae.conv_encoder(2 * 2), ae.conv_decoder(2))
    assert NegativeElbo.of(convolutional) is None
    assert NegativeElbo.of(ae.Autoencoder(ae.mlp([12, 2]), ae.mlp([2, 12]))) is None
    with torch.autocast("cpu"):
        assert NegativeElbo.of(vae_of()) is None


def test_batches_that_do_not_fit_are_left_to_the_model():
    by_hand, x = NegativeElbo.of(vae_of()), images()
    assert by_hand.accepts(x, x)
    assert by_hand.accepts(x.flatten(1), x)  # the encoder flattens in any case
    for other in (x[:, :2], x.float(), x.to("meta"), x[:5], x.clone().requires_grad_()):
        assert not by_hand.accepts(x, other)
    for other in (x[:, :2], x.float(), x.to("meta"), x[:5], x.clone().requires_grad_()):
        assert not by_hand.accepts(other, x)
    assert not by_hand.accepts(x, x.flatten(1))  # the decoder gives pictures


def test_fit_says_what_it_always_said_of_data_that_do_not_fit():
    for fit in ({}, {"loss": lambda vae, x, target: vae.loss(x, target)}):
        with pytest.raises(ValueError, match="x must fit the encoder"):
            ae.fit(vae_of(), images()[:, :2], epochs=1, device="cpu", progress=False, **fit)
