"""Every number on the pages for the lecturer is computed again: it must be there, in whatever words."""

import math
import re
from functools import cache

import numpy as np
import pytest
import torch
from pages import ROOT

import aecore as ae
from aelab import figures

PAGES = sorted((ROOT / "teaching").glob("[0-9]*.md"))
NUMBER = re.compile(r"(?<![\w.,/^])[−-]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w/])")


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def agrees(value: float, text: str) -> bool:
    """Exact to the digits that are written; "about": a trained network, within a tenth; else a bound."""
    (written,) = NUMBER.findall(text)
    if re.match(r"(more|less) than ", text):
        return value > number(written) if text.startswith("more") else value < number(written)
    if text.startswith("about "):
        return math.isclose(value, number(written), rel_tol=0.1)
    return abs(value - number(written)) <= 0.5001 * 10 ** -decimals(written)


# What a slider is called on the page, and the trait it moves; a word in place of a number is looked up.
CODECS = {"linear": "linear, 784 numbers", "deep": "deep, 64 numbers"}
SLIDERS = {
    "BernoulliKL": {"target ρ": "rho", "activation ρ̂": "rho_hat"},
    "BetaDial": {"β": "beta"},
    "Bottleneck": {"width k": "width"},
    "DenoisePad": {"digit": "digit", "noise": "kind", "level": "level"},
    "ElboGap": {"mean of q": "mean", "width of q": "width"},
    "GaussianKL": {f"{what} of {name}": f"{name}_{what}" for name in "pqr" for what in ("mean", "width")}
    | {"show": "view"},
    "LatentPlane": {"plane of": "plane", "x": "x", "y": "y"},
    "NaiveMonteCarlo": {"dimension of z": "dimension", "samples": "samples"},
    "RateDistortion": {
        "picture": "picture",
        "JPEG quality": "quality",
        "autoencoder": "codec",
        "count headers": "headers",
    },
    "Reparameterize": {"mean μ": "mean", "width σ": "width", "gradient for": "parameter"},
    "ScoreField": {"noise σ": "noise", "x": "x", "y": "y"},
    "SparseCodes": {"penalty λ": "penalty", "digit": "digit"},
}
WORDS = {"on": True, "σ": "width", "a boot": 3, "a T-shirt": 4, **CODECS}


def push(figure):
    rho_hat = torch.tensor(figure.rho_hat, dtype=torch.float64, requires_grad=True)
    ae.bernoulli_kl(torch.full_like(rho_hat, figure.rho), rho_hat).backward()
    return -rho_hat.grad.item()


def decibels(which):
    """PSNR of the noisy or the cleaned picture, by aecore."""

    def of(figure):
        clean, *others = (torch.from_numpy(picture)[None] for picture in figure.pictures())
        return ae.psnr(others[which].clamp(0, 1), clean).item()

    return of


def prior_kl(figure):
    mean, logvar = torch.tensor([[figure.mean]]).double(), torch.tensor([[2 * math.log(figure.width)]]).double()
    return ae.gaussian_kl(mean, logvar).item()


def estimate(figure):
    return (np.logaddexp.reduce(figure.log_likelihoods()) - math.log(figure.samples)).item()


def carriers(figure):
    """How many of the largest samples make up 99 % of the sum."""
    shares = torch.from_numpy(figure.log_likelihoods()).softmax(dim=0).sort(descending=True).values.cumsum(dim=0)
    return int((shares < 0.99).sum()) + 1


def distance(figure):
    """How many times as far away the nearest code is as neighbours usually are: the one fraction in its words."""
    (far,) = re.findall(r"\d+\.\d+", figure.sentence())
    return float(far)


def units(figure):
    page, at = figure.unpacked(), figure.penalties.index(figure.penalty)
    return int((page["activations"][at, figure.digit] > 0).sum()), int((page["scales"][at] == 0).sum())


def at_width(name):
    return lambda figure: figure.errors[name][figure.widths.index(int(figure.width))]


def file(which, what):
    return lambda figure: list(figure.points().values())[which][what]


def angle(figure):
    true, learned = figure.score([[figure.x, figure.y]])[0], figure.residual([[figure.x, figure.y]])[0]
    return math.degrees(abs(math.remainder(math.atan2(*learned) - math.atan2(*true), math.tau)))


def log_density(step):
    return lambda figure: figure.log_density(figure.path(figure.residual))[step]


# What a page says that a figure shows, and how it is computed from the figure as it is then set.
READINGS = {
    "BernoulliKL": {
        "KL(ρ‖ρ̂)": lambda f: ae.bernoulli_kl(*torch.tensor([f.rho, f.rho_hat], dtype=torch.float64)).item(),
        "push of KL": push,
        "push of L1": lambda f: -1.0,
    },
    "BetaDial": {
        "KL": lambda f: sum(f.kl[f.betas.index(f.beta)]),
        "active units": lambda f: sum(f.active[f.betas.index(f.beta)]),
        "ELBO": lambda f: f.log_prob[f.betas.index(f.beta)] - sum(f.kl[f.betas.index(f.beta)]),
    },
    "Bottleneck": {"PCA": at_width("pca"), "autoencoder": at_width("autoencoder")},
    "DenoisePad": {"noisy": decibels(0), "cleaned": decibels(1)},
    "ElboGap": {
        "log p(x)": lambda f: f.log_px,
        "ELBO": lambda f: f.elbo,
        "gap": lambda f: f.gap,
        "E log p(x|z)": lambda f: f.elbo + prior_kl(f),
        "KL to the prior": prior_kl,
    },
    "GaussianKL": {
        "KL(p‖q) + KL(q‖r)": lambda f: f.kl("p", "q") + f.kl("q", "r"),
        **{f"KL({a}‖{b})": lambda f, a=a, b=b: f.kl(a, b) for a, b in ("pq", "qp", "pr")},
    },
    "LatentPlane": {"distance to the nearest code": distance},
    "NaiveMonteCarlo": {
        "estimate": estimate,
        "exact": lambda f: f.exact(),
        "carriers": carriers,
    },
    "RateDistortion": {
        "JPEG bytes": file(1, 0),
        "JPEG dB": file(1, 1),
        "code bytes": file(2, 0),
        "code dB": file(2, 1),
    },
    "Reparameterize": {
        "true gradient": lambda f: f.gradient[f.parameter == "width"],
        "pathwise variance": lambda f: f.variances()[0],
        "score-function variance": lambda f: f.variances()[1],
    },
    "ScoreField": {
        "angle": angle,
        "log density at the start": log_density(0),
        "after 40 steps": log_density(-1),
    },
    "SparseCodes": {
        "units of this digit": lambda f: units(f)[0],
        "dead units": lambda f: units(f)[1],
        "error": lambda f: f.error[f.penalties.index(f.penalty)],
    },
}
ROWS = [
    pytest.param(*row, id=f"{path.stem[:2]}-{row[0]}-{row[1]}")
    for path in PAGES
    for row in re.findall(r"^- `(\w+)`, (.+?): \*\*(.+?)\.?\*\*", path.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_line_about_a_figure_can_be_read(path):
    lines = re.findall(r"^- `[A-Z]\w+`.*", path.read_text("utf-8"), re.MULTILINE)
    assert len(lines) == sum(row.id.startswith(path.stem[:2]) for row in ROWS) >= 3


def parts(text: str) -> list[tuple[str, str]]:
    """A list like "mean of q 2, gap about 0.2" taken apart into words and values."""
    found = [re.fullmatch(r"(.*?) ((?:(?:more than|less than|about) )?\S+)", part) for part in text.split(", ")]
    return [(match[1], match[2]) for match in found]


def settings_of(name: str, text: str) -> dict[str, str]:
    """Trait -> value; a slider must be called as on the page."""
    settings = {}
    for part in text.split(", "):
        slider = max((s for s in SLIDERS.get(name, {}) if part.startswith(f"{s} ")), key=len, default=None)
        if slider is None:
            assert not re.search(r"\d", text), f"{name} has no slider {part!r}"  # "as it opens", in whatever words
            return {}
        settings[SLIDERS[name][slider]] = part.removeprefix(slider).strip()
    return settings


@cache
def example(name: str):
    """The figure of the page of all figures, made once, and where its sliders stand as it opens."""
    figure = figures.FIGURES[name].example()
    return figure, {trait: getattr(figure, trait) for trait in SLIDERS.get(name, {}).values()}


@pytest.mark.parametrize(("name", "settings", "shows"), ROWS)
def test_a_figure_shows_what_the_page_says(name, settings, shows):
    figure, start = example(name)
    for trait, value in (start | settings_of(name, settings)).items():
        if isinstance(value, str):
            value = WORDS.get(value, value) if not NUMBER.fullmatch(value) else type(start[trait])(number(value))
        setattr(figure, trait, value)
    for reading, text in parts(shows):
        known = READINGS[name]
        values = [read(figure) for word, read in known.items() if reading == word or reading not in known]
        assert any(agrees(value, text) for value in values), f"{reading}: the page says {text}, it is {values}"


def test_new_samples_give_another_answer_on_the_same_side():
    """What the page of lecture 05 lets the lecturer do by hand."""
    drawn = [figures.NaiveMonteCarlo(dimension=10, seed=seed) for seed in range(8)]
    estimates = [estimate(figure) for figure in drawn]
    assert len(set(estimates)) > 1
    assert all(value < figure.exact() for value, figure in zip(estimates, drawn, strict=True))


def coin(p, q):
    return ae.bernoulli_kl(*torch.tensor([p, q], dtype=torch.float64)).item()


def without(count, eigenvalues=(5, 3, 1.4, 0.6)):
    """The error of PCA with so many numbers on points of this covariance."""
    points = torch.cat([torch.eye(4), -torch.eye(4)]).double() * (4 * torch.tensor(eigenvalues).double()).sqrt()
    axes = torch.linalg.svd(points, full_matrices=False).Vh[:count]
    return ae.squared_error(points @ axes.T @ axes, points).mean().item()


def soft_threshold(penalty):
    a = torch.linspace(-3, 3, 60_001, dtype=torch.float64)
    return a[((a - 1.7).square() + penalty(a)).argmin()].item()


def best_sigma(error=31.36):
    x, mean = torch.full((1, 784), (error / 784) ** 0.5).double(), torch.zeros(1, 784).double()
    sigmas = torch.linspace(0.1, 0.4, 3001).double().tolist()
    return max(sigmas, key=lambda sigma: ae.gaussian_log_prob(x, mean, sigma).item())


def charged(eigenvalue, noise):
    """The KL term of a linear VAE along one direction, at the best of its parameters on a fine grid."""
    a, log_s = torch.meshgrid(torch.linspace(0, 1.5, 1501), torch.linspace(-3, 0, 1501), indexing="ij")
    a, s = a.double(), log_s.double().exp()
    w = a * eigenvalue / (a.square() * eigenvalue + s)  # the best decoder of each encoder
    kl = 0.5 * (a.square() * eigenvalue + s - 1 - s.log())
    loss = (eigenvalue * (1 - w * a).square() + w.square() * s) / (2 * noise) + kl
    return kl.flatten()[loss.argmin()].item()


def posterior_of_figure():
    """Mean and variance of p(z|x) for z ~ N(0, 1), x|z ~ N(z, 1), x = 2, by a fine sum."""
    z = torch.linspace(-8, 8, 16_001, dtype=torch.float64)
    joint = (-0.5 * z.square() - 0.5 * (2 - z).square()).softmax(dim=0)
    mean = (joint * z).sum()
    return mean.item(), (joint * (z - mean).square()).sum().item()


def two_apart():
    """The first part of (8.2) for two pictures whose q lie far apart, by a fine sum."""
    z = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    members = torch.distributions.Normal(torch.tensor([[-10.0], [10.0]], dtype=torch.float64), 1.0).log_prob(z)
    aggregate = members.logsumexp(dim=0) - math.log(2)
    return ((members.exp() * (members - aggregate)).sum() * 0.001 / 2).item()


# Page, numbers or symbols that only one paragraph or question has, and what else must be in it: value, decimals.
STATED = [
    ("01", ["5", "3", "1.4", "0.6"], lambda: [(without(2), 0), (without(3), 1), (without(0) - without(2), 0)]),
    ("02", ["1.7", "1"], lambda: [(soft_threshold(torch.abs), 1), (soft_threshold(torch.square), 2)]),
    (
        "02",
        ["½", "1/20", "¼"],
        lambda: [(coin(0.5, 0.05), 2), (coin(0.05, 0.5), 2), (coin(0.5, 0.25) + coin(0.25, 0.05), 2)],
    ),
    ("03", ["½", "¼", "⅛"], lambda: [(-sum(p * math.log2(p) for p in (1 / 2, 1 / 4, 1 / 8, 1 / 8)), 2), (2, 0)]),
    ("05", ["31.36", "784"], lambda: [(best_sigma(), 1), (best_sigma() ** 2, 2), (31.36**0.5, 1)]),
    ("05", ["7", "e⁷"], lambda: [(math.exp(7), 0), (2**7, 0), (7**2, 0)]),
    (
        "06",
        ["N(z, 1)", "2", "½"],
        lambda: [
            (posterior_of_figure()[0], 0),
            (torch.distributions.Normal(0.0, 2**0.5).log_prob(torch.tensor(2.0)).item(), 2),
            (gap_of_the_prior(), 2),
        ],
    ),
    ("08", ["6", "3", "1.5"], lambda: [(two_apart(), 2), (charged(6, 2), 2), (charged(3, 2), 2)]),
    ("08", ["21", "1,000"], lambda: [(math.log(1000), 1)]),
]


def gap_of_the_prior():
    """How far the ELBO of q = p(z) lies below log p(x) in the model of the figure."""
    mean, variance = posterior_of_figure()
    one, zero = torch.ones(1, 1, 1).double(), torch.zeros(1, 1).double()
    return ae.gaussian_kl_full(zero, one, zero + mean, variance * one).item()


def blocks(text: str) -> list[str]:
    """Paragraphs and list items, and each question with all its answers; no links, no numbers of equations."""
    text = re.sub(r"\]\([^)]*\)|\(\d\.\d+\)", "", text)
    return [*text.splitlines(), *re.findall(r"^\*\*\d\. .*?(?=^\*\*\d\. |^## )", text, re.MULTILINE | re.DOTALL)]


def about(text: str, marks: list[str]) -> list[list[str]]:
    """The numbers, apart from the marks, of each block that has all the marks."""
    found = []
    for block in blocks(text):
        numbers = NUMBER.findall(block)
        if all(mark in numbers if NUMBER.fullmatch(mark) else mark in block for mark in marks):
            for mark in set(marks) & set(numbers):
                numbers.remove(mark)
            found.append(numbers)
    return found


def states(text: str, marks: list[str], values: list[tuple[float, int]]) -> bool:
    """Whether one block has a number with so many decimals for each of these values."""
    return any(
        all(any(decimals(n) >= places and agrees(value, n) for n in numbers) for value, places in values)
        for numbers in about(text, marks)
    )


@pytest.mark.parametrize(("lecture", "marks", "compute"), STATED, ids=[f"{row[0]}-{row[1][0]}" for row in STATED])
def test_a_number_without_a_figure_is_right(lecture, marks, compute):
    (path,) = (page for page in PAGES if page.stem.startswith(lecture))
    text, values = path.read_text("utf-8"), compute()
    assert states(text, marks, values), f"{values} must be said of {marks}, got {about(text, marks)}"
    numbers = {number for block in about(text, marks) for number in block}
    for value, places in values:  # another number in its place is noticed
        right = {n for n in numbers if decimals(n) >= places and agrees(value, n)}
        wrong = re.sub(NUMBER, lambda match, right=right: "12345.678" if match[0] in right else match[0], text)
        assert not states(wrong, marks, values), value
