"""The two assignments: their rubrics add up, their code runs, and the reference solutions find what they should."""

import re
import sys
from pathlib import Path

import pytest
import torch
from pages import ROOT

sys.path.append(str(Path(__file__).parent / "teaching"))
import solution_1
import solution_2

ASSIGNMENTS = sorted((ROOT / "teaching").glob("assignment-*.md"))


@pytest.mark.parametrize("path", ASSIGNMENTS, ids=lambda path: path.stem)
def test_a_rubric_sums_to_a_hundred(path):
    points = [int(number) for number in re.findall(r"^\| (\d+) \|", path.read_text("utf-8"), re.MULTILINE)]
    assert len(points) >= 3
    assert sum(points) == 100


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


def test_the_start_of_assignment_1_runs(capsys):
    starter(ASSIGNMENTS[0], PICTURES=200, EPOCHS=1)
    accuracies = [float(number) for number in re.findall(r"\d+\.\d+", capsys.readouterr().out)]
    assert len(accuracies) == 2
    assert all(0 <= accuracy <= 1 for accuracy in accuracies)


def test_the_start_of_assignment_2_runs_and_its_bugs_are_found(capsys):
    names = starter(ASSIGNMENTS[1], PICTURES=300, EPOCHS=1, SAMPLES=5)
    assert len(re.findall(r"-?\d+\.\d+", capsys.readouterr().out)) == 2  # the ELBO and the bound
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
