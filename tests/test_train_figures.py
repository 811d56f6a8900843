"""The figures that train, in Python: models that go in and come out, data that are sent, and the still picture."""

import re

import numpy as np
import pytest
import safetensors.torch
import torch
from matplotlib import pyplot as plt
from torch import nn

import aecore as ae
from aelab.figures import TrainAutoencoder, TrainVAE
from aelab.figures.kit.assets import digits
from aelab.figures.kit.base import MIME
from aelab.figures.kit.trainable import images
from aelab.stills import style


@pytest.fixture(autouse=True)
def _style():
    with style.light():
        yield
    plt.close("all")


def vae(latent=3, hidden=(20,), activation=nn.ReLU, **options):
    torch.manual_seed(1)
    encoder, decoder = [784, *hidden, 2 * latent], [latent, *hidden[::-1], 784]
    return ae.VAE(ae.mlp(encoder, activation), ae.mlp(decoder, activation, out_shape=(1, 28, 28)), **options)


def autoencoder(width=5, hidden=(20,)):
    torch.manual_seed(1)
    return ae.Autoencoder(ae.mlp([784, *hidden, width]), ae.mlp([width, *hidden[::-1], 784]))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_a_vae_goes_in_and_comes_out(activation):
    model = vae(activation=activation, likelihood="gaussian", sigma=0.5, beta=4)
    figure = TrainVAE(model)
    assert (figure.latent, figure.hidden, figure.likelihood) == (3, 20, "gaussian")
    assert (figure.sigma, figure.beta, figure.activation) == (0.5, 4, activation.__name__.lower())
    back = figure.trained_model()
    x = images("test")[:20]
    with torch.no_grad():
        assert torch.equal(back(x), model(x).flatten(1))
        for image in (x, x.view(-1, 1, 28, 28)):
            torch.testing.assert_close(model.posterior(image), back.posterior(x))


def test_what_the_page_trained_wins_over_what_it_was_given():
    figure, other = TrainVAE(vae()), vae()
    with torch.no_grad():
        other.encoder[1].weight.mul_(2)
    figure.weights = safetensors.torch.save(other.state_dict())
    assert torch.equal(figure.trained_model().encoder[1].weight, other.encoder[1].weight)


@pytest.mark.parametrize("sparsity", ["none", "l1", "kl"])
def test_an_autoencoder_goes_in_and_comes_out(sparsity):
    model = autoencoder()
    figure = TrainAutoencoder(model, sparsity=sparsity)
    assert (figure.width, figure.hidden) == (5, 20)
    x = images("test")[:20]
    squash = {"none": lambda h: h, "l1": torch.relu, "kl": torch.sigmoid}[sparsity]
    with torch.no_grad():
        torch.testing.assert_close(figure.trained_model()(x), model.decoder(squash(model.encoder(x))))


def test_nothing_trained_is_said():
    for figure in (TrainVAE(), TrainAutoencoder()):
        with pytest.raises(ValueError, match="weights must be there, got none: press Train, then Pause"):
            figure.trained_model()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: TrainVAE(autoencoder()), TypeError, "model must be an aecore.VAE, got Autoencoder"),
        (lambda: TrainAutoencoder(vae()), TypeError, "model must be an aecore.Autoencoder, got VAE"),
        (
            lambda: TrainVAE(ae.VAE(ae.conv_encoder(4), ae.conv_decoder(2))),
            ValueError,
            "model must be of linear layers with ReLU or Tanh between, as by aecore.mlp, got .*Conv2d",
        ),
        (
            lambda: TrainVAE(ae.VAE(ae.mlp([784, 9, 4]), ae.mlp([2, 9, 784], nn.Tanh))),
            ValueError,
            "got Linear, ReLU, Tanh",
        ),
        (
            lambda: TrainVAE(ae.VAE(ae.mlp([64, 9, 4]), ae.mlp([2, 9, 64]))),
            ValueError,
            "model must be from 784 values to 784, got 64 and 64",
        ),
        (lambda: TrainVAE(beta=-1), Exception, "beta must be a finite number from 0 to 32, got -1"),
        (lambda: TrainVAE(latent=17), Exception, "latent must be an integer from 1 to 16, got 17"),
        (
            lambda: TrainVAE(bug="typo"),
            Exception,
            "bug must be one of none, no gradient, mean, sign, log σ",
        ),
        (lambda: TrainAutoencoder(noise="rain"), Exception, "noise must be one of none, gaussian, masking"),
        (lambda: TrainAutoencoder(main="beta"), Exception, "main must be one of width, sparsity, noise"),
    ],
)
def test_refuses_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_the_digits_are_no_part_of_the_state_and_are_sent_when_asked(monkeypatch):
    figure = TrainVAE()
    payload = figure._repr_mimebundle_()[0][MIME]
    assert payload["assets"] == ["digits"]
    assert len(str(payload["state"])) < 2000
    sent = []
    monkeypatch.setattr(figure, "send", lambda content, buffers: sent.append((content, buffers)))
    for content in ({"asset": "digits"}, {"asset": "secrets"}, {}, "digits", None):
        figure._answer(figure, content, [])
    assert sent == [({"asset": "digits"}, [digits()])]


def numbers(sentence):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", sentence.replace("−", "-").replace(",", ""))]


def test_the_still_picture_of_a_vae_is_what_aecore_computes():
    model = vae()
    figure = TrainVAE(model)
    test = images("test")
    with torch.no_grad():
        flat = figure.trained_model()
        parts = flat.elbo_parts(test, generator=torch.Generator().manual_seed(0))
        codes = flat.posterior(test)[0][:500].numpy()
        back = flat(test[:8])
    kl, elbo = float(parts["kl"].mean()), float((parts["log_prob"] - parts["kl"]).mean())
    found = numbers(figure.sentence())
    assert found[0] == 3
    assert found[-2:] == [round(elbo), pytest.approx(kl, abs=0.06)]
    left, right = figure.draw().axes
    drawn = np.concatenate([np.asarray(one.get_offsets()) for one in left.collections])
    pair = np.sort(np.argsort(-codes.var(axis=0))[:2])
    drawn, wanted = (points[np.lexsort(points.T)] for points in (drawn, codes[:, pair]))
    np.testing.assert_allclose(drawn, wanted, rtol=1e-5)
    sheet = np.asarray(right.images[0].get_array())
    np.testing.assert_allclose(sheet[28:56], torch.cat(list(back.view(-1, 28, 28)), dim=1), atol=1e-6)
    np.testing.assert_allclose(sheet[:28], torch.cat(list(test[:8].view(-1, 28, 28)), dim=1), atol=1e-6)
    new = flat.sample(8, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(sheet[56:], torch.cat(list(new.view(-1, 28, 28)), dim=1), atol=1e-6)


def test_the_still_picture_of_an_autoencoder_is_what_aecore_computes():
    model = autoencoder(width=1)
    figure = TrainAutoencoder(model, noise="masking", level=0.5)
    test = images("test")
    with torch.no_grad():
        error = float(ae.squared_error(model(test), test).mean())
        codes = model.encode(test[:500])[:, 0].numpy()
    assert numbers(figure.sentence())[0] == 1
    assert numbers(figure.sentence())[-1] == pytest.approx(error, abs=0.06)
    left, right = figure.draw().axes
    drawn = np.concatenate([np.asarray(one.get_offsets()) for one in left.collections])
    assert sorted(drawn[:, 0]) == pytest.approx(sorted(codes), rel=1e-5)
    assert set(drawn[:, 1]) == set(range(10)), "with one number in the code, up is the class"
    noisy = np.asarray(right.images[0].get_array())[56:84]
    clean = torch.cat(list(test[:8].view(-1, 28, 28)), dim=1).numpy()
    assert ((noisy == 0) | (noisy == clean)).all()
    assert (noisy[clean > 0] == 0).mean() == pytest.approx(0.5, abs=0.05)


def test_without_a_model_the_still_picture_is_one_that_aecore_trained():
    state = torch.get_rng_state()
    vaes, coders = TrainVAE(hidden=16), TrainAutoencoder(hidden=16, sparsity="kl", weight=1.0, width=8)
    assert "after 10 epochs on 5,000 digits" in vaes.sentence()
    assert -210 < numbers(vaes.sentence())[-2] < -150
    assert numbers(coders.sentence())[-1] < 60
    assert torch.equal(torch.get_rng_state(), state)
    assert len(coders.draw().axes[1].get_yticklabels()) == 4


def test_the_page_is_told_the_same_defaults():
    assert TrainAutoencoder().state()["rho"] == 0.05
    assert TrainVAE().state()["rate"] == 1e-3


@pytest.mark.parametrize("name", ["TrainVAE", "TrainAutoencoder"])
def test_bytes_from_the_page_come_as_a_view(name):
    figure = {"TrainVAE": TrainVAE, "TrainAutoencoder": TrainAutoencoder}[name]()
    figure.set_state({"weights": memoryview(b"learned")})
    assert figure.weights == b"learned"
