"""Questions that answer back: the right choice and what each wrong one confuses, sealed until it is chosen."""

import json
import math
import re
from hashlib import sha256
from html import escape
from typing import Any

import numpy as np
import traitlets as t

from aecore import _check
from aelab.figures.kit.base import Figure
from aelab.figures.kit.draws import uniforms
from aelab.quizzes.questions import TAGS, check, read

__all__ = ["Quiz", "quiz"]


def seal(secret: dict, salt: int) -> bytes:
    """`secret` as bytes that nobody reads by accident: no cipher, the page has to open it without a server."""
    words = np.frombuffer(json.dumps(secret).encode(), np.uint8)
    return (words ^ (256 * uniforms(salt, len(words))).astype(np.uint8)).tobytes()


def _shown(question: dict) -> dict:
    """What the page may show of a question, and the rest sealed."""
    salt = int.from_bytes(sha256(question["ask"].encode()).digest()[:4], "big")
    shown = {"ask": question["ask"], "salt": salt}
    if "options" not in question:
        secret = {name: question[name] for name in ("answer", "tolerance", "because", "wrong", "otherwise")}
        return {**shown, "unit": question.get("unit", ""), "sealed": seal(secret, salt)}
    # Sources may put the right option first; its place on the page depends on the words alone.
    options = sorted(
        question["options"], key=lambda option: sha256((question["ask"] + option["say"]).encode()).digest()
    )
    right = next(place for place, option in enumerate(options) if option.get("right"))
    secret = {"right": right, "because": [option["because"] for option in options]}
    return {**shown, "options": [option["say"] for option in options], "sealed": seal(secret, salt)}


def _html(text: str) -> str:
    return re.sub(rf"&lt;(/?(?:{'|'.join(TAGS)}))&gt;", r"<\1>", escape(text, quote=False))


def _height(questions: list[dict]) -> tuple[int, int]:
    """Pixels for the tallest question, wide and on a phone, from the length of its words."""

    def tallest(letters_in_a_line: float) -> int:
        def lines(text: str, share: float = 1.0) -> int:
            return math.ceil(len(re.sub("<[^>]*>", "", text)) / (letters_in_a_line * share))

        heights = []
        for question in questions:
            feedback = [option["because"] for option in question.get("options", [])] or [
                question["because"],
                question["otherwise"],
                *(mistake["because"] for mistake in question["wrong"]),
            ]
            answers = sum(max(44, 22 * lines(option["say"]) + 20) for option in question.get("options", [])) or 52
            heights.append(25 * lines(question["ask"], 0.9) + answers + 21 * (max(map(lines, feedback)) + 1))
        return max(heights) + 230

    return tallest(96), tallest(41)


class Quiz(Figure):
    """Multiple-choice and numeric questions with feedback for every wrong answer; made by `quiz`.

    Args:
        questions: in the form that `aelab.quizzes.check` describes.

    Traits:
        given: for each question the place of the option that was checked, or the number; `None`: not answered.
        at: the question that shows, from 0.

    Raises:
        ValueError: if a question is not in that form.
        traitlets.TraitError: for another number of answers, an option that is not there, or another question than
            there are.

    Example:
        >>> from aelab import quizzes
        >>> sheet = Quiz(quizzes.read("06"))
        >>> sheet.given = [1e9 if "unit" in shown else None for shown in sheet.questions]
        >>> sheet.right
        0
    """

    module = "quiz"
    in_gallery = False
    questions = t.List(t.Dict()).tag(sync=True)
    given = t.List(t.Any()).tag(sync=True)
    at = t.Int(0).tag(sync=True)
    title = t.Unicode("Check yourself.").tag(sync=True)
    caption = t.Unicode("If you get one wrong, the feedback explains the mix-up. Nothing is recorded.").tag(sync=True)

    def __init__(self, questions: list[dict], **traits: Any) -> None:
        self._source = check(questions)
        self.height = _height(self._source)
        shown = [_shown(question) for question in self._source]
        super().__init__(**{"questions": shown, "given": [None] * len(shown), **traits})

    @t.validate("given")
    def _check_given(self, proposal: Any) -> list:
        if len(proposal.value) != len(self.questions):
            raise t.TraitError(f"given must hold {len(self.questions)} answers, got {len(proposal.value)}")
        return [_given(answer, shown) for answer, shown in zip(proposal.value, self.questions, strict=True)]

    @t.validate("at")
    def _check_at(self, proposal: Any) -> int:
        if not 0 <= proposal.value < len(self.questions):
            raise t.TraitError(f"at must be from 0 to {len(self.questions) - 1}, got {proposal.value}")
        return proposal.value

    @property
    def right(self) -> int:
        """How many questions are answered right."""
        count = 0
        for question, shown, answer in zip(self._source, self.questions, self.given, strict=True):
            if answer is None:
                continue
            if "options" in shown:
                words = shown["options"][answer]
                count += any(option["say"] == words and option.get("right", False) for option in question["options"])
            else:
                count += abs(answer - question["answer"]) <= question["tolerance"]
        return count

    def __repr__(self) -> str:
        return f"Quiz({len(self.questions)} questions, {self.right} right)"

    def sentence(self) -> str:
        """How many questions there are."""
        return f"{len(self.questions)} questions to check yourself with."

    def still(self) -> dict:
        """The questions as text, for a reader without JavaScript."""
        items = []
        for question, shown in zip(self._source, self.questions, strict=True):
            options = "".join(f"<li>{_html(option)}</li>" for option in shown.get("options", []))
            unit = f" ({escape(shown['unit'])})" if shown.get("unit") else ""
            items.append(f"<li><p>{_html(question['ask'])}{unit}</p>{options and f'<ul>{options}</ul>'}</li>")
        return {"alt": self.sentence(), "html": f'<ol class="ae-questions">{"".join(items)}</ol>'}


def _given(answer: object, shown: dict) -> int | float | None:
    """An answer to this question: a number, the place of an option, or None."""
    if answer is None:
        return None
    if isinstance(answer, int | float) and not isinstance(answer, bool) and math.isfinite(answer):
        if "options" not in shown:
            return answer
        if answer in range(len(shown["options"])):
            return int(answer)
    raise t.TraitError(f"given must hold numbers, places of options from 0, or None, got {answer!r}")


def quiz(chapter: str, *names: str) -> Quiz:
    """The self-check questions of a chapter, alive in a notebook and on the page.

    Args:
        chapter: two digits, as in the chapter's file name.
        names: the ids of the questions to ask, in this order; none: all of them.

    Raises:
        TypeError: if `chapter` is no text.
        ValueError: if there are no questions for it, or none of this id.

    Example:
        >>> from aelab import quizzes
        >>> quizzes.quiz("06")
        Quiz(9 questions, 0 right)
    """
    questions = {question["id"]: question for question in read(chapter)}
    for name in names:
        _check.choice("names", name, tuple(questions))
    return Quiz([questions[name] for name in names or questions])
