"""The quiz's functions, in Node: what Python sealed is opened, answers are judged as their source says."""

from __future__ import annotations

import pytest

from aelab import quizzes
from aelab.figures.kit.base import module_file

NUMBERS = {"0.25": 0.25, " 0,25 ": 0.25, "−3": -3, "+.5": 0.5, "1/4": 0.25, "-1 / 8": -0.125, "2e-3": 0.002}
NUMBERS |= {"4 nats": 4, "4Nats": 4, "0,500": 0.5, "1,000,000": 1e6, "1,024.5": 1024.5}
REFUSED = ["", "nats", "1/0", "1/2/3", "e", "NaN", "Infinity", "1e999", "0x10", "1,024", "12 apples", "1.2.3"]
JUDGE = """({ default: { math } }, questions) => questions.map(({ options, salt, sealed }) => {
  const key = math.unseal(salt, sealed);
  if (options) return options.map((say, place) => ({ say, ...math.judge(key, place) }));
  return [key.answer, key.answer - key.tolerance * 0.99, key.answer + key.tolerance * 1.01, 1e6 + 1 / 3,
    ...key.wrong.map(({ value }) => value)].map((value) => math.judge(key, value));
})"""


@pytest.mark.parametrize("typed", [*NUMBERS, *REFUSED])
def test_numbers_as_people_type_them(js, typed):
    (read,) = js.math("quiz", "parse", [[typed, "nats"]])
    assert ("refused" in read) == (typed in REFUSED)
    assert read.get("value") == NUMBERS.get(typed)


@pytest.mark.parametrize("chapter", quizzes.chapters())
def test_every_answer_is_judged_as_its_source_says(js, chapter):
    said = js.run(module_file("quiz"), JUDGE, quizzes.quiz(chapter).questions)
    for question, verdicts in zip(quizzes.read(chapter), said, strict=True):
        if "options" in question:
            expected = {o["say"]: (o["because"], bool(o.get("right"))) for o in question["options"]}
            assert {v["say"]: (v["because"], v["right"]) for v in verdicts} == expected
        else:
            assert [v["right"] for v in verdicts[:4]] == [True, True, False, False]
            assert verdicts[3]["because"] == question["otherwise"]
            assert [v["because"] for v in verdicts[4:]] == [mistake["because"] for mistake in question["wrong"]]
