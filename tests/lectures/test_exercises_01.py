"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import pytest
import torch
from torch import nn

import aecore as ae
from aelab.exercises import Verdict
from aelab.exercises import representation_learning as lecture01


def test_a_verdict_reads_as_a_sentence():
    assert repr(Verdict(True, "well done.")) == "Correct: well done."
    assert repr(Verdict(False, "no.")) == "Not yet: no."
    assert repr(Verdict(False, "f returns nothing", done=False)) == "Not done yet: f returns nothing"


def test_a_verdict_shows_in_green_amber_or_grey_and_its_message_is_no_html():
    shown = [Verdict(True, "a < b")._repr_html_(), Verdict(False, "no.")._repr_html_()]
    shown.append(Verdict(False, "f returns nothing", done=False)._repr_html_())
    assert "<b>Correct</b>: a &lt; b" in shown[0]
    assert len({html.split("solid ")[1][:7] for html in shown}) == 3


def pca(train, test, k, *, centre=True, back=True, fit_on_test=False, last=False):
    source = test if fit_on_test else train
    mean = source.mean(dim=0) if centre else torch.zeros(train.shape[1])
    axes = torch.linalg.svd(source - mean, full_matrices=False).Vh
    axes = axes[-k:] if last else axes[:k]
    return (test - mean) @ axes.T @ axes + (mean if back else 0)


def only_copies(model, *, images=None, threshold=0.9, size=False):
    static = torch.rand(200, 784, generator=torch.Generator().manual_seed(0)) if images is None else images
    correlation = torch.corrcoef(torch.stack([static.flatten(), model(static).flatten()]))[0, 1]
    return (correlation if size else correlation.abs()) > threshold


class Tied(nn.Module):
    def __init__(self, inputs, latent_dim, activation=None):
        super().__init__()
        self.encoder, self.activation = nn.Linear(inputs, latent_dim), activation or nn.Identity()

    def forward(self, x):
        return self.activation(self.encoder(x)) @ self.encoder.weight


class Untransposed(nn.Module):
    def __init__(self, inputs, latent_dim):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(latent_dim, inputs))

    def forward(self, x):
        return x @ self.weight.T @ self.weight.flip(1)


RIGHT = {
    "check_squared_error": lambda x_hat, x: (x_hat - x).square().flatten(1).sum(1),
    "check_pca_reconstruct": pca,
    "check_only_copies": only_copies,
    "check_one_unit": lambda losses, scale: losses / scale**2,
    "check_tied": Tied,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture01, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture01.__all__)


STATIC = torch.rand(9, 784)
WRONG = [
    ("check_squared_error", lambda a, b: (a - b).square().flatten(1).mean(1), "averaged over the pixels"),
    ("check_squared_error", lambda a, b: (a - b).square().flatten(1).sum(1).mean(), "averaged over the batch"),
    ("check_squared_error", lambda a, b: (a - b).square().mean(), "as F.mse_loss does"),
    ("check_squared_error", lambda a, b: (a - b).square().sum(), "summed over the batch as well"),
    ("check_squared_error", lambda a, b: (a - b).square().flatten(1).sum(0), "the other way round"),
    ("check_squared_error", lambda a, b: (a - b).abs().flatten(1).sum(1), "square is missing"),
    ("check_squared_error", lambda a, b: (a - b).flatten(1).norm(dim=1), "square root"),
    ("check_squared_error", lambda a, b: (a - b).square().flatten(1).sum(1) + 1, "differ by up to 1"),
    ("check_squared_error", lambda a, b: torch.zeros(3), "shape (6,), got (3,)"),
    ("check_pca_reconstruct", lambda train, test, k: test, "the input itself"),
    ("check_pca_reconstruct", lambda *a: pca(*a, centre=False), "did not subtract the mean"),
    ("check_pca_reconstruct", lambda *a: pca(*a, back=False), "add the mean back"),
    ("check_pca_reconstruct", lambda *a: pca(*a, fit_on_test=True), "looking at the answers"),
    ("check_pca_reconstruct", lambda *a: pca(*a, last=True), "last components"),
    ("check_only_copies", lambda model: True, "took this for a copier: a code of 10 numbers"),
    ("check_only_copies", lambda model: False, "let a copier pass: a code of 1,024 numbers"),
    ("check_only_copies", lambda model: (model(STATIC) - STATIC).abs().max() < 0.01, "a copy half as dark"),
    ("check_only_copies", lambda model: only_copies(model, size=True), "a negative"),
    ("check_only_copies", lambda model: only_copies(model, threshold=0.5), "a code of 300 numbers"),
    ("check_only_copies", lambda model: only_copies(model, images=0.5 * torch.ones(9, 784)), "let a copier pass"),
    ("check_only_copies", lambda model: model(STATIC)[0, 0], "must be True or False"),
    ("check_one_unit", lambda losses, scale: losses, "losses of the scaled images"),
    ("check_one_unit", lambda losses, scale: losses / scale, "grows with its square"),
    ("check_one_unit", lambda losses, scale: losses * scale**2, "you multiplied"),
    ("check_one_unit", lambda losses, scale: losses.sqrt(), "took the root"),
    ("check_one_unit", lambda losses, scale: losses / 255**2, "not for others"),
    ("check_tied", lambda n, k: ae.Autoencoder(nn.Linear(n, k), nn.Linear(k, n)), "weight of its own"),
    ("check_tied", lambda n, k: nn.Sequential(Tied(n, k), nn.Flatten(0)), "must keep the shape (5, 6)"),
    ("check_tied", lambda n, k: Tied(n, k, nn.Tanh()), "not linear"),
    ("check_tied", Untransposed, "transpose"),
    ("check_tied", lambda n, k: torch.zeros(1), "must be an nn.Module"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture01, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message
