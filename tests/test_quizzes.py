"""The self-check questions of the chapters: every number in them is computed again with aecore."""

import json
import math
import re

import nbformat
import pytest
import torch
from pages import ROOT, asked
from torch import tensor

import aecore as ae
from aelab import quizzes

CHAPTERS = quizzes.chapters()
QUESTIONS = {f"{chapter}/{question['id']}": question for chapter in CHAPTERS for question in quizzes.read(chapter)}
NUMBERS = {name: question for name, question in QUESTIONS.items() if "answer" in question}
ALL = pytest.mark.parametrize("chapter", CHAPTERS)


def exact(*values):
    return tensor(values, dtype=torch.float64)


def coin(p, q):
    return ae.bernoulli_kl(exact(p), exact(q)).item()


def gaussian(mean0, variance0, mean1, variance1):
    numbers = (exact(mean0)[None], exact(variance0)[None, None], exact(mean1)[None], exact(variance1)[None, None])
    return ae.gaussian_kl_full(*numbers).item()


def encoder_kl(second_logvar):
    logvar = 0, second_logvar
    return ae.gaussian_kl(exact(1, -1)[None], exact(*logvar)[None]).item()


def rank_of_reconstruction():
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([784, 64, 10]), ae.mlp([10, 64, 784])).double()
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], torch.rand(784, dtype=torch.float64))
    return torch.linalg.matrix_rank(jacobian).item()


def error_of_width(width):
    """The error of the best linear bottleneck on points with the covariance of the question."""
    axes = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).Q
    points = torch.cat([torch.eye(4), -torch.eye(4)]).double() * (4 * exact(5, 3, 1.4, 0.6)).sqrt() @ axes
    main = torch.linalg.svd(points, full_matrices=False).Vh[:width]
    return ae.squared_error(points @ main.T @ main, points).mean().item()


def best_activation(penalty):
    a = torch.linspace(-3, 3, 60_001, dtype=torch.float64)
    return a[((a - 1.7).square() + penalty(a)).argmin()].item()


def slope_of_error(sigma):
    """How much −log p(x|z) changes with the squared error."""
    log_p = ae.gaussian_log_prob(exact(0, 1)[:, None], exact(0, 0)[:, None], sigma)
    return (log_p[0] - log_p[1]).item()


def best_sigma(error):
    x, mean = torch.full((1, 784), (error / 784) ** 0.5, dtype=torch.float64), torch.zeros(1, 784, dtype=torch.float64)
    assert math.isclose(ae.squared_error(mean, x).item(), error)
    sigmas = torch.linspace(0.1, 0.4, 3001, dtype=torch.float64).tolist()
    return max(sigmas, key=lambda sigma: ae.gaussian_log_prob(x, mean, sigma).item())


def decibels(share):
    """How much the PSNR changes when the squared error falls to a share."""
    clean, error = torch.full((1, 1, 4, 4), 0.5), torch.full((1, 1, 4, 4), 0.2)
    return (ae.psnr(clean + share**0.5 * error, clean) - ae.psnr(clean + error, clean)).item()


def best_linear_factor(variance, sigma):
    factor = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    return factor[((1 - factor).square() * variance + (factor * sigma).square()).argmin()].item()


def score_of_noisy_data(x, variance):
    x = exact(x)[None].requires_grad_()
    return torch.autograd.grad(ae.gaussian_log_prob(x, torch.zeros_like(x), variance**0.5).sum(), x)[0].item()


def minibatch_variance(samples, between=96, within=4):
    return between + within / samples


def score_variance(dimensions):
    """Var[f(z) ε₁] with f = −½‖ε‖², from the moments of ε₁ and of the χ² distribution of the other dimensions."""
    others = dimensions - 1
    return (15 + 2 * 3 * others + others * (others + 2)) / 4


def best_weight():
    variance = best_sigma(23.52) ** 2
    negative_elbo = [-ae.gaussian_log_prob(exact(d)[None], exact(0)[None], variance**0.5).item() for d in (0, 1)]
    return 1 / (negative_elbo[1] - negative_elbo[0])


def charged_by_linear_vae(variance, noise, beta):
    """The KL term of z|x ~ N(ax, s) at the optimum with x|z ~ N(wz, noise), climbed from a start that is not it."""
    w, a, log_s = parameters = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.5, 0.5, -0.5)]
    optimizer = torch.optim.LBFGS(parameters, max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def kl():
        return ae.gaussian_kl((a * variance**0.5).view(1, 1), log_s.view(1, 1)).sum()

    def loss():
        optimizer.zero_grad()
        error = variance * (1 - w * a).square() + w.square() * log_s.exp()
        value = error / (2 * noise) + beta * kl()
        value.backward()
        return value

    optimizer.step(loss)
    return kl().item()


def rounding_error(step):
    codes = torch.linspace(-30, 30, 1_000_001, dtype=torch.float64)
    return (codes - step * (codes / step).round()).square().mean().item()


def wasted(p, q):
    """−Σ p log q: what values of law p cost with a code for q."""
    return -(p * q.log()).sum().item()


LETTERS, EQUAL = exact(1 / 2, 1 / 4, 1 / 8, 1 / 8), torch.full((4,), 1 / 4, dtype=torch.float64)
BITS = wasted(LETTERS, LETTERS) / math.log(2)
CHARGED = charged_by_linear_vae(1.5, 0.25, beta=2)
SYMBOLS = 16 * wasted(torch.eye(32, dtype=torch.float64)[0], torch.full((32,), 1 / 32, dtype=torch.float64))
NATS = math.log(1000)
ELBO = -80 - 12
POSTERIOR = (1.0, 0.5)
BEST = best_sigma(31.36)
PRIOR = 0.375  # the variance of data N(0, ·) whose best denoiser takes 1.5 to 0.9
HALF = math.log(0.5)
COINS = coin(0.5, 0.05)
# name: what aecore says, then what each named mistake gives, in the order of the file
COMPUTED = {
    "01/rank": (rank_of_reconstruction(), 784, 784 - 10, 10 + 10, 1),
    "01/left-out": (
        error_of_width(2),
        5 + 3,
        error_of_width(2) / 4,
        error_of_width(3),
        error_of_width(2) / 2,
        error_of_width(2) ** 0.5,
    ),
    "02/soft-threshold": (best_activation(torch.abs), 0.7, best_activation(torch.square), 1.7, 0),
    "02/coins": (COINS, coin(0.05, 0.5), COINS / math.log(2), 0.5 * math.log(10), 2 * COINS, -COINS),
    "03/rounding": (rounding_error(0.6), 0.6**2 / 4, 0.6**2, 0.6 / 12, rounding_error(0.6) ** 0.5),
    "03/entropy": (BITS, wasted(LETTERS, LETTERS), wasted(LETTERS, EQUAL) / math.log(2), (1 + 2 + 3 + 3) / 4, -BITS),
    "03/model-counted": (300_000 / (42 - 30), 300_000 / 30, 300_000 / 42, 300_000 / (42 + 30), 1),
    "04/decibels": (decibels(0.25), 20 * math.log10(4), math.log10(4), 10 * math.log(4), 4, decibels(4)),
    "04/soft-pca": (best_linear_factor(2, 0.5), 2 / (2 + 0.5), 1, 1 - best_linear_factor(2, 0.5), (2 / 2.25) ** 0.5),
    "04/score": (
        score_of_noisy_data(1.5, PRIOR + 0.25),
        -score_of_noisy_data(1.5, PRIOR + 0.25),
        (0.9 - 1.5) / 0.5,
        best_linear_factor(PRIOR, 0.5) * 1.5 - 1.5,
        (0.9 - 1.5) * 0.25,
    ),
    "05/factor": (slope_of_error(0.2), 2 * slope_of_error(0.2), 1 / (2 * 0.2), slope_of_error(1.0), 1 / 0.2),
    "05/best-sigma": (BEST, BEST ** 2, BEST * 784**0.5, BEST / 2**0.5, 1),
    "05/how-many": (math.exp(7), 7, 2**7, 7**2, 10**7),
    "06/gap": (-88 - ELBO, 12, -80 - -88, (-80 + 12) - -88, ELBO - -88),
    "06/figure": (
        gaussian(0, 1, *POSTERIOR),
        gaussian(*POSTERIOR, 0, 1),
        gaussian(0, 1, 0, 1),
        2 * gaussian(0, 1, *POSTERIOR),
        gaussian(0, 1, *POSTERIOR) + math.log(2),
        gaussian(0, 1, *POSTERIOR) + 0.5,
    ),
    "06/two-peaks": (math.log(4 / 3), 0.0, math.log(4), math.log(2), math.log2(4 / 3), -math.log(4 / 3)),
    "06/two-dimensions": (
        encoder_kl(HALF),
        encoder_kl(HALF) / 2,
        encoder_kl(HALF) + HALF,
        2 * encoder_kl(HALF),
        encoder_kl(HALF) + 1,
        encoder_kl(2 * HALF),
        encoder_kl(HALF) / math.log(2),
    ),
    "07/more-samples": (
        100 - minibatch_variance(4),
        100 - minibatch_variance(1) / 4,
        100 - minibatch_variance(math.inf),
        100 * (1 - (minibatch_variance(4) / minibatch_variance(1)) ** 0.5),
        100 * (1 - (1 / 4) ** 0.5),
    ),
    "07/score-price": (score_variance(20), (20 + 4) / 2, 20, 20**2, 1, 4 * score_variance(20)),
    "07/scale": (best_weight(), best_weight() / 2, 2 * 0.5, 2 * 23.52, 1 / best_weight(), 2 * best_sigma(23.52)),
    "08/two-parts": (21 - NATS, NATS, 21, 21 - NATS / math.log(2), 21 - NATS / math.log(10), 21 + NATS),
    "08/charged": (
        CHARGED,
        2 * CHARGED,
        charged_by_linear_vae(1.5, 0.25, beta=1),
        CHARGED / math.log(2),
        0,
        charged_by_linear_vae(1.5, 0.25**2, beta=2),
    ),
    "09/symbols": (SYMBOLS, SYMBOLS / math.log(2), SYMBOLS / 16, 32 * math.log(16), 0, 16 * 32),
}  # fmt: skip


# ---- the files


def test_every_chapter_has_questions():
    assert [path.name[:2] for path in sorted((ROOT / "chapters").glob("*.ipynb"))] == CHAPTERS


@ALL
def test_a_chapter_has_at_least_six_questions_in_form(chapter):
    assert len(quizzes.read(chapter)) >= 6


@ALL
def test_feedback_is_written_for_each_answer(chapter):
    for question in quizzes.read(chapter):
        feedback = [item["because"] for item in question.get("options", question.get("wrong"))]
        feedback += [question[name] for name in ("because", "otherwise") if name in question]
        assert len(set(feedback)) == len(feedback), f"{question['id']}: the same feedback twice"


@ALL
def test_equations_that_are_named_exist(chapter):
    notebook = next((ROOT / "chapters").glob(f"{chapter}-*.ipynb"))
    tags = set(re.findall(r"\\tag\{([\d.]+)\}", "".join(cell.source for cell in nbformat.read(notebook, 4).cells)))
    for question in quizzes.read(chapter):
        named = re.findall(r"\((\d\d?\.\d\d?)\)", json.dumps(question))
        assert [name for name in named if name not in tags and name.startswith(f"{int(chapter)}.")] == []


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_of_aecore(name):
    question, (answer, *mistakes) = NUMBERS[name], COMPUTED[name]
    assert abs(answer - question["answer"]) < question["tolerance"] / 2
    assert len(mistakes) == len(question["wrong"])
    for mistake, wrong in zip(mistakes, question["wrong"], strict=True):
        assert abs(mistake - wrong["value"]) < wrong.get("tolerance", question["tolerance"]) / 2, wrong["because"]


def test_the_questions_are_in_the_wheel():
    import tomllib

    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert "aelab.quizzes" in setup["packages"]
    assert setup["package-data"]["aelab.quizzes"] == ["*.json", "*.js"]


@ALL
def test_a_lecture_asks_each_of_them_once_before_its_exercises(chapter):
    names = [question["id"] for questions in asked(chapter) for question in questions]
    assert sorted(names) == sorted(question["id"] for question in quizzes.read(chapter))


@ALL
def test_the_length_of_an_option_does_not_give_it_away(chapter):
    choices = [question for question in quizzes.read(chapter) if "options" in question]
    longest = [max(question["options"], key=lambda option: len(option["say"])) for question in choices]
    assert sum(option.get("right", False) for option in longest) <= len(choices) / 2
