"""A model is judged in eval mode, whatever mode it is in; the question changes no buffer and no mode."""

import copy

import pytest
import torch
import torch.nn as nn

import aecore as ae
from aecore._modes import eval_mode, inside_loss

X = torch.rand(40, 1, 2, 2, generator=torch.Generator().manual_seed(0)).round()
Z = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def seeded():
    return torch.Generator().manual_seed(2)


def networks(code):
    """Both with a batch normalization and dropout; the first normalization is frozen by its owner."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
    encoder.extend([nn.BatchNorm1d(8), nn.Linear(8, code)])
    decoder = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4), nn.Unflatten(1, (1, 2, 2))
    )
    with torch.no_grad():
        encoder[5].running_mean.fill_(0.3)
        decoder[1].running_var.fill_(2.0)
    encoder[2].eval()
    return encoder, decoder


def autoencoder():
    return ae.Autoencoder(*networks(3))


def vae():
    return ae.VAE(*networks(6))


QUESTIONS = {
    "Autoencoder.encode": (autoencoder, lambda model: model.encode(X)),
    "Autoencoder.decode": (autoencoder, lambda model: model.decode(Z)),
    "VAE.encode": (vae, lambda model: model.encode(X).mean),
    "VAE.decode": (vae, lambda model: model.decode(Z).mean),
    "VAE.sample": (vae, lambda model: model.sample(6, generator=seeded())),
    "log_likelihood": (vae, lambda model: ae.log_likelihood(model, X, samples=7, generator=seeded())),
    "active_units": (vae, lambda model: ae.active_units(model, X, threshold=0.01).float()),
    "Codec.symbols": (autoencoder, lambda model: ae.Codec(model, X, 0.1).symbols(X)),
    "Codec.decode": (autoencoder, lambda model: (codec := ae.Codec(model, X, 0.1)).decode(codec.encode(X[:3]))),
    "evaluate": (vae, lambda model: torch.tensor(ae.evaluate(model, X))),
}
# What a loss is made of, as in every torch module.
TERMS = {
    "Autoencoder.forward": (autoencoder, lambda model: model(X)),
    "Autoencoder.loss": (autoencoder, lambda model: model.loss(X)),
    "VAE.forward": (vae, lambda model: model(X)),
    "VAE.posterior": (vae, lambda model: model.posterior(X)[0]),
    "VAE.elbo": (vae, lambda model: model.elbo(X, generator=seeded())),
    "VAE.elbo_parts": (vae, lambda model: model.elbo_parts(X, generator=seeded())["kl"]),
    "VAE.loss": (vae, lambda model: model.loss(X)["kl"]),
    "VAE.log_weights": (vae, lambda model: model.log_weights(X, 2, generator=seeded())),
}


def modes(model):
    return [module.training for module in model.modules()]


def changed(model, before):
    return [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_in_eval_mode_and_changes_nothing(name, training):
    make, ask = QUESTIONS[name]
    model = make() if training else make().eval()
    state, mode = copy.deepcopy(model.state_dict()), modes(model)
    torch.manual_seed(3)
    answer = ask(model)
    assert changed(model, state) == []
    assert modes(model) == mode
    torch.manual_seed(4)  # dropout would draw other masks
    assert torch.equal(ask(copy.deepcopy(model).eval()), answer)


PARTS_OF_A_LOSS = {"Autoencoder.encode", "Autoencoder.decode", "VAE.encode", "VAE.decode"}


@pytest.mark.parametrize("name", QUESTIONS)
def test_inside_a_loss_only_encode_and_decode_follow_the_mode(name):
    make, ask = QUESTIONS[name]
    model = make()
    state = copy.deepcopy(model.state_dict())
    torch.manual_seed(3)
    with inside_loss():
        answer = ask(model)
    in_eval_mode = torch.equal(ask(copy.deepcopy(model).eval()), answer)
    assert in_eval_mode == (name not in PARTS_OF_A_LOSS)
    assert bool(changed(model, state)) == (name in PARTS_OF_A_LOSS)


@pytest.mark.parametrize("name", TERMS)
def test_a_term_of_a_loss_follows_the_mode_of_the_model(name):
    make, ask = TERMS[name]
    model = make()
    state = copy.deepcopy(model.state_dict())
    torch.manual_seed(3)
    one = ask(model)
    assert "encoder.5.running_mean" in changed(model, state)
    assert not any(entry.startswith("encoder.2.") for entry in changed(model, state))  # frozen by its owner
    assert not torch.equal(ask(model), one)  # another mask of dropout
    model.eval()
    torch.manual_seed(3)
    state, one = copy.deepcopy(model.state_dict()), ask(model)
    torch.manual_seed(3)
    assert torch.equal(ask(model), one)
    assert changed(model, state) == []


def test_gradients_go_through_encode_and_decode():
    model = autoencoder()
    model.decode(model.encode(X)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_in_a_step_of_fit_encode_and_decode_are_part_of_the_loss():
    def loss(model, x, target):
        return ae.squared_error(model.decode(model.encode(x)), target)

    whole, parts = autoencoder(), autoencoder()
    run = {"epochs": 2, "batch_size": 10, "device": "cpu", "progress": False}
    ae.fit(whole, X, **run)
    ae.fit(parts, X, loss=loss, **run)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    assert parts.encoder[5].num_batches_tracked == 8


@pytest.mark.parametrize("bad", [{"x": X + 1}, {"x": X, "target": 255 * X}, {"x": X, "generator": 0}])
def test_a_refused_term_leaves_buffers_and_randomness(bad):
    model = vae()
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    with pytest.raises((TypeError, ValueError), match=rf"^{list(bad)[-1]} must"):
        model.elbo_parts(**bad)
    assert changed(model, state) == []
    assert torch.equal(torch.get_rng_state(), random)


def test_a_refused_question_leaves_the_modes_too():
    model = autoencoder()
    before = modes(model)
    with pytest.raises(ValueError, match="x must fit the encoder, got shape"):
        model.encode(torch.rand(3, 7))
    with pytest.raises(KeyError), eval_mode(model):
        raise KeyError
    assert modes(model) == before


def test_the_receiver_of_a_codec_needs_the_statistics_of_a_normalization_too():
    model = autoencoder()
    without = nn.Sequential(*(part for part in model.decoder if not isinstance(part, nn.BatchNorm1d)))
    plain = ae.Autoencoder(model.encoder, without)
    normalization = 4 * (8 + 8 + 8 + 8) + 8  # weight, bias, mean and variance in float32, and a counter in int64
    assert ae.Codec(model, X, 0.1).size - ae.Codec(plain, X, 0.1).size == normalization


class Recoding(ae.Autoencoder):
    """A model whose owner changed what encoding and decoding mean."""

    def encode(self, x):
        return 2 * super().encode(x)

    def decode(self, h):
        return 3 * super().decode(h)


def test_a_forward_pass_and_a_loss_use_the_encode_and_decode_of_a_subclass():
    model = Recoding(nn.Flatten(), nn.Unflatten(1, (1, 2, 2)))
    assert torch.equal(model(X), 6 * X)
    assert torch.equal(model.loss(X), ae.squared_error(6 * X, X))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own
def test_a_compiled_model_is_one_graph_in_either_mode():
    for make in (autoencoder, vae):
        model = make()
        torch.compiler.reset()
        compiled = torch.compile(copy.deepcopy(model), backend="eager", fullgraph=True)
        for mode in (True, False):
            torch.manual_seed(3)
            expected = model.train(mode)(X)
            torch.manual_seed(3)
            torch.testing.assert_close(compiled.train(mode)(X), expected)
