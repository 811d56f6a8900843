"""The self-check questions: their form, their numbers, and that no answer can be read by accident."""

import copy
import json
import math
import re
from pathlib import Path

import nbformat
import pytest
import torch
from torch import tensor

import aecore as ae
from aecore import quizzes, widgets
from aecore.widgets.quiz import _stream, seal

ROOT = Path(__file__).parents[1]
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
    "08/symbols": (SYMBOLS, SYMBOLS / math.log(2), SYMBOLS / 16, 32 * math.log(16), 0, 16 * 32),
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
        said = [item["because"] for item in question.get("options", question.get("wrong"))]
        said += [question[name] for name in ("because", "otherwise") if name in question]
        assert len(set(said)) == len(said), f"{question['id']}: the same feedback twice"
        assert all(len(words) > 25 and words.endswith((".", "?")) for words in said), question["id"]


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
    assert "aecore.quizzes" in setup["packages"]
    assert setup["package-data"]["aecore.quizzes"] == ["*.json"]


@ALL
def test_a_chapter_asks_them_before_its_exercises(chapter):
    cells = nbformat.read(next((ROOT / "chapters").glob(f"{chapter}-*.ipynb")), 4).cells
    place = next(i for i, cell in enumerate(cells) if f'widgets.quiz("{chapter}")' in cell.source)
    assert cells[place - 1].source.startswith("## Check yourself")
    assert cells[place + 1].source.startswith("## Exercises")


# ---- the form


def choice():
    options = [{"say": word, "because": f"Because of {word}."} for word in ("one", "two", "three")]
    options[0]["right"] = True
    return {"id": "which", "ask": "Which?", "options": options}


def number():
    wrong = [{"value": 3, "because": "You added."}]
    words = {"id": "many", "ask": "How many?", "because": "So.", "otherwise": "Hm."}
    return {**words, "answer": 2, "tolerance": 0.1, "wrong": wrong}


def changed(question, *path_and_value):
    *path, last, value = path_and_value
    question = place = copy.deepcopy(question)
    for step in path:
        place = place[step]
    place[last] = value
    return question


def test_both_kinds_are_taken():
    assert len(quizzes.check([choice(), number()])) == 2
    assert quizzes.check([{**number(), "unit": "nats"}])


@pytest.mark.parametrize(
    ("questions", "words"),
    [
        ({}, "questions: got dict"),
        ([], "questions: got list"),
        ([{"ask": "Which?"}], "question number 1: has to be an object with an 'id'"),
        ([choice(), choice()], "questions: got the id 'which' twice"),
        ([changed(choice(), "hint", "no")], "question 'which': got .*'hint'"),
        ([changed(choice(), "ask", " ")], "question 'which', 'ask': got ' '"),
        ([changed(choice(), "ask", r"What is $\sigma$?")], "not LaTeX"),
        ([changed(choice(), "ask", "What is <b>this</b>?")], "takes plain words, Unicode and <sub>"),
        ([changed(choice(), "options", "none")], "got 0 options, takes 3 to 5"),
        ([changed(choice(), "options", choice()["options"][:2])], "got 2 options, takes 3 to 5"),
        ([changed(choice(), "options", 1, "because", "")], "'because' of 'two': got ''"),
        ([changed(choice(), "options", 1, {"say": "two"})], "an option: got .'say'."),
        ([changed(choice(), "options", 1, "right", True)], "got 2 right options"),
        ([changed(choice(), "options", 0, "right", False)], "got 0 right options"),
        ([changed(choice(), "options", 1, "say", "one")], "says the same option twice"),
        ([changed(number(), "answer", "2")], "'answer': got '2', takes a finite number"),
        ([changed(number(), "answer", math.inf)], "'answer': got inf"),
        ([changed(number(), "tolerance", 0)], "'tolerance': got 0, takes a number above 0"),
        ([changed(number(), "wrong", [])], "names no wrong value"),
        ([changed(number(), "wrong", 0, "value", 2.15)], "the wrong value 2.15 cannot be told from the answer"),
        ([changed(number(), "wrong", 2 * number()["wrong"])], "3 cannot be told from 3"),
        ([{k: v for k, v in number().items() if k != "otherwise"}], "question 'many': got"),
    ],
)
def test_a_question_out_of_form_is_refused_by_name(questions, words):
    with pytest.raises(ValueError, match=words):
        quizzes.check(questions)


def test_a_chapter_is_refused_by_name():
    with pytest.raises(ValueError, match=r"chapter: got '6', takes one of '01'"):
        widgets.quiz("6")
    with pytest.raises(TypeError, match="chapter: got int, takes a text"):
        widgets.quiz(6)


# ---- the widget


def test_right_answers_are_counted():
    sheet = widgets.Quiz([choice(), number()])
    right = sheet.questions[0]["options"].index("one")
    sheet.given = [right, 2.05]
    assert sheet.right == 2
    sheet.given = [(right + 1) % 3, 3]
    assert sheet.right == 0
    assert repr(sheet) == "Quiz(2 questions, 0 right)"


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"given": [None]}, "given: got 1 answers, takes 2"),
        ({"given": [3, None]}, "given: got 3"),
        ({"given": ["one", None]}, "given: got 'one'"),
        ({"given": [None, math.nan]}, "given: got nan"),
        ({"at": 2}, "at: got 2, takes 0 to 1"),
    ],
)
def test_the_widget_refuses_by_name(traits, words):
    import traitlets

    with pytest.raises(traitlets.TraitError, match=words):
        widgets.Quiz([choice(), number()], **traits)


@ALL
def test_no_answer_can_be_read_in_what_a_page_gets(chapter):
    data, _ = widgets.quiz(chapter)._repr_mimebundle_()
    page = json.dumps(data, ensure_ascii=False)
    for question in quizzes.read(chapter):
        assert json.dumps(question["ask"], ensure_ascii=False)[1:-1] in page
        for item in question.get("options", question.get("wrong")):
            assert item["because"] not in page
        if "answer" in question:
            assert question["because"] not in page
            assert f'"answer": {question["answer"]}' not in page
    assert '"right"' not in page


def test_the_seal_opens_with_its_salt_and_no_other():
    sealed = seal({"right": 2}, 7)
    opened = bytes(byte ^ key for byte, key in zip(sealed, _stream(7), strict=False))
    assert json.loads(opened) == {"right": 2}
    assert seal({"right": 2}, 8) != sealed


def test_the_place_of_the_right_option_gives_nothing_away():
    places = []
    for name, question in QUESTIONS.items():
        if "options" in question:
            sheet = widgets.Quiz([question])
            said = next(option["say"] for option in question["options"] if option.get("right"))
            places.append(sheet.questions[0]["options"].index(said))
            assert sheet.questions == widgets.Quiz([question]).questions, name
    assert set(places) >= {0, 1, 2, 3}
    assert max(places.count(place) for place in places) < 0.5 * len(places)


@ALL
def test_without_javascript_the_questions_stand_as_text(chapter):
    still = widgets.quiz(chapter).still()
    assert still["html"].count("<p>") == len(quizzes.read(chapter))
    assert re.sub(r"</?(ol|ul|li|p|sub|sup|i|code)( class=\"ae-questions\")?>", "", still["html"]).count("<") == 0


def test_the_quiz_is_no_figure_of_the_gallery():
    assert "Quiz" not in widgets.FIGURES
    assert issubclass(widgets.Quiz, widgets.Figure)
