"""The pages for the lecturer: times add up, links lead somewhere, and figures show what is said of them."""

import math
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from pages import ROOT, broken_links

import aecore as ae
from aecore import widgets

sys.path.append(str(Path(__file__).parent / "teaching"))
import solution_1
import solution_2

TEACHING = ROOT / "teaching"
LECTURES = sorted((ROOT / "chapters").glob("*.ipynb"))
PAGES = sorted(TEACHING.glob("[0-9]*.md"))
ASSIGNMENTS = sorted(TEACHING.glob("assignment-*.md"))
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
every_file = pytest.mark.parametrize("path", sorted(TEACHING.glob("*.md")), ids=lambda path: path.stem)


def tables(text: str) -> list[list[list[str]]]:
    """Every table: its rows, the first one the head, each a list of cells."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    rows = [[[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()] for table in found]
    return [table[:1] + table[2:] for table in rows]


def section(text: str, heading: str) -> str:
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]


def total(table) -> int:
    """The minutes of a plan, whose first column says when each row begins."""
    assert table[0] == ["at", "min", "section", "what happens"]
    begins, minutes = zip(*((int(at), int(lasts)) for at, lasts, *_ in table[1:]), strict=True)
    assert list(begins) == [sum(minutes[:row]) for row in range(len(minutes))]
    return sum(minutes)


def test_every_lecture_has_a_page_and_the_table_of_contents_has_them_all():
    assert [path.stem for path in PAGES] == [path.stem for path in LECTURES]
    listed = re.findall(r"- file: (teaching/\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert sorted(listed) == sorted(f"teaching/{path.stem}" for path in TEACHING.glob("*.md"))


@every_page
@pytest.mark.parametrize("minutes", [45, 90])
def test_a_plan_takes_as_long_as_it_says(path, minutes):
    (plan,) = tables(section(path.read_text("utf-8"), f"{minutes} minutes"))
    assert total(plan) == minutes


@pytest.mark.parametrize(("heading", "lectures"), [("One lecture, 90 minutes", 1), ("Three lectures", 3)])
def test_the_syllabus_of_one_and_of_three_lectures_takes_90_minutes_each(heading, lectures):
    plans = tables(section((TEACHING / "index.md").read_text("utf-8"), heading))
    assert [total(plan) for plan in plans] == [90] * lectures


def test_half_a_semester_goes_through_every_lecture_in_order():
    (weeks,) = tables(section((TEACHING / "index.md").read_text("utf-8"), "Half a semester"))
    assert [int(row[0]) for row in weeks[1:]] == [1, 2, 3, 4, 5, 6, 7]
    assert re.findall(r"\]\((\S+?)\.md\)", " ".join(row[1] for row in weeks)) == [path.stem for path in LECTURES]


@every_file
def test_links_lead_to_a_page_and_a_heading_that_exist(path):
    assert broken_links(path) == []


@every_file
def test_exercises_and_equations_that_are_named_exist(path):
    sources = {lecture.stem[:2]: lecture.read_text("utf-8") for lecture in LECTURES}
    text = path.read_text("utf-8")
    named = re.findall(r"Exercise (\d)\.(\d)", text)
    assert all(f"**Exercise {lecture}.{number} (" in sources[f"0{lecture}"] for lecture, number in named)
    assert all(rf"\\tag{{{tag}}}" in sources[f"0{tag[0]}"] for tag in re.findall(r"\((\d\.\d+)\)", text))


@every_page
def test_a_page_points_at_every_exercise_of_its_lecture(path):
    lecture = (ROOT / "chapters" / f"{path.stem}.ipynb").read_text("utf-8")
    there = set(re.findall(r"\*\*Exercise (\d\.\d) \(", lecture))
    assert set(re.findall(r"Exercise (\d\.\d)", section(path.read_text("utf-8"), "Exercises"))) == there


@every_page
def test_every_figure_of_the_lecture_is_shown_and_every_figure_named_exists(path):
    text = path.read_text("utf-8")
    named = {name for name in re.findall(r"`([A-Z]\w+)`", text)}
    assert named <= set(widgets.FIGURES)
    lecture = (ROOT / "chapters" / f"{path.stem}.ipynb").read_text("utf-8")
    used = {name for name in widgets.FIGURES if f"widgets.{name}" in lecture}
    assert named == used


@every_page
def test_every_line_of_what_to_show_says_what_it_shows(path):
    lines = re.findall(r"^- .*", section(path.read_text("utf-8"), "Show live"), re.MULTILINE)
    assert len(lines) == sum(row.id.startswith(path.stem[:2]) for row in ROWS) >= 3


@every_page
def test_questions_have_wrong_answers(path):
    questions = section(path.read_text("utf-8"), "Questions, and the answers to expect")
    numbers = re.findall(r"^\*\*(\d)\. .*\?\*\*$", questions, re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4
    assert all("\n- *" in part for part in re.split(r"^\*\*\d\. ", questions, flags=re.MULTILINE)[1:])
    asked = {
        number
        for row in re.findall(r"Questions? ([\d and,]+)", text_of_plans(path))
        for number in re.findall(r"\d", row)
    }
    assert asked == set(numbers)


def text_of_plans(path) -> str:
    text = path.read_text("utf-8")
    return section(text, "45 minutes") + section(text, "90 minutes")


def test_make_knows_every_target_that_is_named():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = re.findall(r"`make (\w+)`", (TEACHING / "index.md").read_text("utf-8"))
    assert named
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


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


def of_sentence(pattern):
    """The number that the figure's own sentence, its words for who cannot see it, has at this place."""
    return lambda figure: float(re.search(pattern, figure.sentence())[1])


def push(figure):
    rho_hat = torch.tensor(figure.rho_hat, dtype=torch.float64, requires_grad=True)
    ae.bernoulli_kl(torch.full_like(rho_hat, figure.rho), rho_hat).backward()
    return -rho_hat.grad.item()


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
    "DenoisePad": {"noisy": of_sentence(r"at (\S+) dB; and cleaned"), "cleaned": of_sentence(r", at (\S+) dB\.$")},
    "ElboGap": {
        "log p(x)": lambda f: f.log_px,
        "ELBO": lambda f: f.elbo,
        "gap": lambda f: f.gap,
        "E log p(x|z)": lambda f: f._reconstruction(),
        "KL to the prior": lambda f: f._reconstruction() - f.elbo,
    },
    "GaussianKL": {
        "KL(p‖q) + KL(q‖r)": lambda f: f.kl("p", "q") + f.kl("q", "r"),
        **{f"KL({a}‖{b})": lambda f, a=a, b=b: f.kl(a, b) for a, b in ("pq", "qp", "pr")},
    },
    "LatentPlane": {"distance to the nearest code": of_sentence(r"is (\S+) times as far")},
    "NaiveMonteCarlo": {
        "estimate": of_sentence(r"dimensions: (\S+) nats"),
        "exact": lambda f: f.exact(),
        "carriers": of_sentence(r"sum: (\d+) of the samples"),
    },
    "RateDistortion": {
        "JPEG bytes": file(1, 0),
        "JPEG dB": file(1, 1),
        "code bytes": file(2, 0),
        "code dB": file(2, 1),
    },
    "Reparameterize": {
        "true gradient": lambda f: f.gradient[f.parameter == "width"],
        "pathwise variance": lambda f: f._variances()[0],
        "score-function variance": lambda f: f._variances()[1],
    },
    "ScoreField": {
        "angle": angle,
        "log density at the start": log_density(0),
        "after 40 steps": log_density(-1),
    },
    "SparseCodes": {
        "units of this digit": of_sentence(r"from (\d+) active units"),
        "dead units": of_sentence(r"(\d+) units are dead"),
        "error": lambda f: f.error[f.penalties.index(f.penalty)],
    },
}
ROWS = [
    pytest.param(*row, id=f"{path.stem[:2]}-{row[0]}-{row[1]}")
    for path in PAGES
    for row in re.findall(
        r"^- `(\w+)`, (.+?): \*\*(.+?)\.\*\* ", section(path.read_text("utf-8"), "Show live"), re.MULTILINE
    )
]


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def parts(cell: str, names) -> list[tuple[str, str]]:
    """A cell like "mean of q 2, width of q 0.2" taken apart into names, which must be known, and values."""
    known = sorted(names, key=len, reverse=True)
    found = [(name, part) for part in cell.split(", ") for name in [next(n for n in known if part.startswith(n + " "))]]
    return [(name, part.removeprefix(name).strip()) for name, part in found]


def agrees(value: float, said: str) -> bool:
    """Exact to the digits that are written; "about": a trained network, within a tenth; else a bound."""
    if match := re.fullmatch(r"(more|less) than (\S+)", said):
        return value > number(match[2]) if match[1] == "more" else value < number(match[2])
    if said.startswith("about "):
        return math.isclose(value, number(said[6:]), rel_tol=0.1)
    digits = len(said.partition(".")[2])
    return abs(value - number(said)) <= 0.5001 * 10**-digits


@cache
def example(name: str):
    """The figure of the page of all figures, made once, and where its sliders stand as it opens."""
    figure = widgets.FIGURES[name].example()
    return figure, {trait: getattr(figure, trait) for trait in SLIDERS.get(name, {}).values()}


@pytest.mark.parametrize(("name", "settings", "shows"), ROWS)
def test_a_figure_shows_what_the_page_says(name, settings, shows):
    figure, start = example(name)
    for trait, value in start.items():
        setattr(figure, trait, value)
    for slider, value in [] if settings == "as it opens" else parts(settings, SLIDERS[name]):
        trait = SLIDERS[name][slider]
        words = isinstance(getattr(figure, trait), str) or value in WORDS
        setattr(figure, trait, WORDS.get(value, value) if words else type(getattr(figure, trait))(number(value)))
    for reading, said in parts(shows, READINGS[name]):
        value = READINGS[name][reading](figure)
        assert agrees(value, said), f"{reading}: the page says {said}, the figure shows {value}"


def test_new_samples_give_another_answer_on_the_same_side():
    """What the page of lecture 05 lets the lecturer do by hand."""
    figures = [widgets.NaiveMonteCarlo(dimension=10, seed=seed) for seed in range(8)]
    estimates = [READINGS["NaiveMonteCarlo"]["estimate"](figure) for figure in figures]
    assert len(set(estimates)) > 1
    assert all(estimate < figure.exact() for estimate, figure in zip(estimates, figures, strict=True))


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


# What a page says without a figure: page, words, and what the numbers in them are, in their order.
SAID = [
    ("01", "with two numbers the smallest error is 2, with three 0.6", lambda: (without(2), without(3))),
    ("01", "8 is the part that is kept", lambda: (without(0) - without(2),)),
    ("02", "The right answer is 1.2", lambda: (soft_threshold(torch.abs),)),
    ("02", "*0.85.* The answer to a *squared* penalty", lambda: (soft_threshold(torch.square),)),
    ("02", "= 0.83 and back 0.49 nats", lambda: (coin(0.5, 0.05), coin(0.05, 0.5))),
    ("02", "it is 0.37. They", lambda: (coin(0.5, 0.25) + coin(0.25, 0.05),)),
    ("03", "the mean is 1.75 bits", lambda: (-sum(p * math.log2(p) for p in (1 / 2, 1 / 4, 1 / 8, 1 / 8)),)),
    ("05", "The answer is 0.2.", lambda: (best_sigma(),)),
    ("06", "mean 1 and variance ½", lambda: (posterior_of_figure()[0],)),
    ("05", "About e⁷, which is 1,097", lambda: (math.exp(7),)),
    ("08", "the first part is log 2, 0.69 nats", lambda: (2, two_apart())),
    ("08", "charged 0.55 and 0.20 nats", lambda: (charged(6, 2), charged(3, 2))),
    ("08", "At most log 1000, which is 6.9", lambda: (1000, math.log(1000))),
]


@pytest.mark.parametrize(("lecture", "words", "compute"), SAID, ids=[f"{row[0]}-{row[1]}" for row in SAID])
def test_a_number_without_a_figure_is_right(lecture, words, compute):
    (path,) = TEACHING.glob(f"{lecture}-*.md")
    assert words in path.read_text("utf-8")
    said = [text.rstrip(".").replace(",", "") for text in re.findall(r"\d[\d.,]*", words)]
    values = compute()
    assert all(agrees(value, text) for value, text in zip(values, said, strict=True)), values


def points(path) -> list[int]:
    (rubric,) = tables(section(path.read_text("utf-8"), "How it is marked"))
    assert rubric[0] == ["points", "for"]
    return [int(row[0]) for row in rubric[1:]]


def starter(path, **small) -> dict:
    """Run the code of an assignment with small settings; what it defines."""
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    assert max(map(len, source.splitlines())) <= 120
    (settings,) = re.findall(r"^([A-Z][A-Z, ]+) = (.+?)  #", source, re.MULTILINE)
    values = [str(small.get(name, value)) for name, value in zip(*(s.split(", ") for s in settings), strict=True)]
    source = source.replace(" = ".join(settings), f"{settings[0]} = {', '.join(values)}")
    names: dict = {}
    exec(compile(source, path.name, "exec"), names)
    return names


@pytest.mark.parametrize("path", ASSIGNMENTS, ids=lambda path: path.stem)
def test_a_rubric_sums_to_a_hundred(path):
    assert sum(points(path)) == 100


def test_the_start_of_assignment_1_runs(capsys):
    starter(ASSIGNMENTS[0], PICTURES=200, EPOCHS=1)
    assert re.fullmatch(r"raw pixels: 0\.\d{3}\ncode of digits: 0\.\d{3}\n", capsys.readouterr().out)


def test_the_start_of_assignment_2_runs_and_its_bugs_are_found(capsys):
    names = starter(ASSIGNMENTS[1], PICTURES=300, EPOCHS=1, SAMPLES=5)
    assert re.fullmatch(r"ELBO -?\d+\.\d nats, log p\(x\) -\d+\.\d nats\n", capsys.readouterr().out)
    for bug, check in solution_2.CHECKS.items():
        assert not check(names[bug])
        assert check(getattr(solution_2, bug))


def test_the_solution_of_assignment_1():
    found, left = solution_1.run(pictures=3000, epochs=2, seeds=range(1))
    for budget in solution_1.BUDGETS:
        # Nothing travels, and the right thousand is better than the wrong three thousand.
        for name in ("bottleneck of digits", "denoising of digits"):
            assert solution_1.paired(found, "clothes", name, "raw pixels", budget).mean() < 0
        right = found["clothes", "denoising of clothes", budget].mean()
        assert right > found["clothes", "denoising of digits", budget].mean()
    assert left["clothes", "bottleneck of clothes"] < left["clothes", "bottleneck of digits"]
    assert left["digits", "bottleneck of digits"] < left["digits", "bottleneck of clothes"]


def test_the_draws_of_assignment_1_are_balanced_and_come_again():
    labels = torch.arange(50) % 10
    once, again = list(solution_1.draws(labels, 2)), list(solution_1.draws(labels, 2))
    assert len(once) == 5
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert all(torch.equal(labels[i].bincount(), torch.full((10,), 2)) and len(set(i.tolist())) == 20 for i in once)


def test_the_solution_of_assignment_2():
    rows = solution_2.run(pictures=2000, epochs=3, seeds=range(1), dimensions=(1, 5), samples=20)
    for elbo, likelihood, cost, active in torch.cat(list(rows.values())):
        assert elbo < likelihood
        assert cost > 0
        assert active >= 1
    assert rows[5][0, 1] > rows[1][0, 1]
