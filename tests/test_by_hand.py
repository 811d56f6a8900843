"""The gradient that is written out for `fit` is autograd's, and whatever it is not written for takes autograd's way."""

import copy

import pytest
import torch
import torch.nn as nn

import aecore as ae
from aecore import _by_hand, _check, training
from aecore._by_hand import NegativeElbo

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
def dealt(monkeypatch):
    """`dealt(2)`: two threads, each of which takes its share of the rows of every weight that they divide."""
    before = torch.get_num_threads()
    monkeypatch.setattr(_by_hand, "LARGE", 1)
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize(("threads", "divided"), [(1, 0), (2, 3), (3, 2), (4, 2), (5, 0)])
def test_gradients_are_autograds_when_each_thread_has_its_rows(threads, divided, activation, dealt):
    vae, x = vae_of(activation), images()
    torch.manual_seed(2)
    sum(part.mean() for part in vae.loss(x, x).values()).backward()
    gradients = [weight.grad for weight in vae.parameters()]
    vae.zero_grad()
    dealt(threads)
    matrices = [weight for weight in vae.parameters() if weight.ndim == 2]  # of 7, 6, 4, 5 and 12 rows
    assert sum(_by_hand._shares(weight) == threads for weight in matrices if threads > 1) == divided
    by_hand = NegativeElbo.of(vae)
    for _ in range(2):  # into new memory, then into the same
        torch.manual_seed(2)
        by_hand(x, x)
        for weight, gradient in zip(vae.parameters(), gradients, strict=True):
            torch.testing.assert_close(weight.grad, gradient, rtol=1e-10, atol=1e-12)


def test_small_weights_and_weights_elsewhere_are_not_dealt(dealt, monkeypatch):
    dealt(2)
    assert _by_hand._shares(torch.empty(6, 5)) == 2
    assert _by_hand._shares(torch.empty(5, 6)) == 1  # two do not divide five
    assert _by_hand._shares(torch.empty(5, 6).t()) == 1  # a share would not be one piece
    assert _by_hand._shares(torch.empty(6, 5, device="meta")) == 1
    monkeypatch.setattr(_by_hand, "LARGE", 31)
    assert _by_hand._shares(torch.empty(6, 5)) == 1


def test_logits_far_out_overflow_nothing():
    vae = vae_of(dtype=torch.float32)
    with torch.no_grad():
        vae.decoder[-2].weight.mul_(1e6)
    found = NegativeElbo.of(vae)(images(dtype=torch.float32), images(dtype=torch.float32))
    assert all(bool(part.isfinite()) for part in found.values())
    assert all(bool(weight.grad.isfinite().all()) for weight in vae.parameters())


def counted(monkeypatch):
    """The calls of what is written out."""
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


def test_a_step_writes_its_gradient_where_the_last_one_wrote():
    vae, x = vae_of(), images()
    by_hand = NegativeElbo.of(vae)
    by_hand(x, x)
    before = [weight.grad.data_ptr() for weight in vae.parameters()]
    by_hand(x, x)
    assert [weight.grad.data_ptr() for weight in vae.parameters()] == before


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
    "no bias": lambda vae: vae.decoder.__setitem__(1, double(2, 5, bias=False)),
    "an activation at the end": lambda vae: vae.encoder.append(nn.Tanh()),
    "a hook of a layer": lambda vae: vae.encoder[1].register_forward_hook(lambda *_: None),
    "a hook of a network": lambda vae: vae.decoder.register_full_backward_hook(lambda *_: None),
    "a hook of a weight": lambda vae: vae.encoder[1].weight.register_hook(lambda gradient: gradient),
    "a late hook of a weight": lambda vae: vae.encoder[1].weight.register_post_accumulate_grad_hook(lambda _: None),
    "a frozen weight": lambda vae: vae.decoder[1].weight.requires_grad_(False),
    "a shared weight": share_a_bias,
    "a parametrized weight": lambda vae: nn.utils.parametrizations.weight_norm(vae.encoder[1]),
    "bfloat16": lambda vae: vae.to(torch.bfloat16),
    "widths that do not fit": lambda vae: vae.decoder.__setitem__(1, double(3, 5)),
}


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_model_that_is_not_plain_takes_autograds_way(what):
    vae = vae_of()
    assert NegativeElbo.of(vae) is not None
    CHANGES[what](vae)
    assert NegativeElbo.of(vae) is None


def test_convolutions_autoencoders_and_autocast_take_autograds_way():
    convolutional = ae.VAE(ae.conv_encoder(2 * 2), ae.conv_decoder(2))
    assert NegativeElbo.of(convolutional) is None
    assert NegativeElbo.of(ae.Autoencoder(ae.mlp([12, 2]), ae.mlp([2, 12]))) is None
    with torch.autocast("cpu"):
        assert NegativeElbo.of(vae_of()) is None


def test_data_that_do_not_fit_are_left_to_the_careful_way():
    by_hand, x = NegativeElbo.of(vae_of()), images()
    assert by_hand.takes(x, x)
    assert by_hand.takes(x.flatten(1), x)  # the encoder flattens in any case
    for other in (x[:, :2], x.float(), x.to("meta"), x[:5], x.clone().requires_grad_()):
        assert not by_hand.takes(x, other)
    for other in (x[:, :2], x.float(), x.to("meta"), x[:5], x.clone().requires_grad_()):
        assert not by_hand.takes(other, x)
    assert not by_hand.takes(x, x.flatten(1))  # the decoder gives pictures


def test_fit_says_what_it_always_said_of_data_that_do_not_fit():
    for fit in ({}, {"loss": lambda vae, x, target: vae.loss(x, target)}):
        with pytest.raises(ValueError, match="does not fit the encoder"):
            ae.fit(vae_of(), images()[:, :2], epochs=1, device="cpu", progress=False, **fit)


# Adam


@pytest.mark.parametrize("in_pieces", [False, True])  # True where a step is recorded, on a GPU
@pytest.mark.parametrize("frozen", [False, True])
def test_an_update_is_adams_step_to_the_bit(frozen, in_pieces, monkeypatch):
    monkeypatch.setattr(training, "PIECE", 8)
    ours, target = vae_of(), images()
    ours.decoder[1].weight.requires_grad_(not frozen)
    with torch.no_grad():  # a weight that lies in memory column by column
        ours.encoder[1].weight.set_(ours.encoder[1].weight.t().contiguous().t())
    theirs = copy.deepcopy(ours)
    optimizers = [torch.optim.Adam(vae.parameters(), lr=0.01, fused=True) for vae in (ours, theirs)]
    update = training._Update(optimizers[0])
    update.in_pieces = in_pieces
    for step in range(5):
        for vae, optimizer, change in zip((ours, theirs), optimizers, (update, optimizers[1].step), strict=True):
            torch.manual_seed(step)
            optimizer.zero_grad()
            with _check.trusted():
                sum(part.mean() for part in vae.loss(target).values()).backward()
            optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
            change()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert (update.state is None) == frozen


def test_a_parameter_that_gets_its_gradient_late_is_updated_from_then_on():
    weights = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    update = training._Update(torch.optim.Adam(weights, lr=0.1, fused=True))
    weights[0].grad = torch.ones(2)
    update()
    assert weights[1].tolist() == [1, 1]
    for weight in weights:
        weight.grad = torch.ones(2)
    for _ in range(3):
        update()
    torch.testing.assert_close(weights[0], torch.full((2,), 0.6))
    torch.testing.assert_close(weights[1], torch.full((2,), 0.7))
