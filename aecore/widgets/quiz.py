"""Questions that answer back: the right choice and what each wrong one confuses, sealed until it is chosen."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from hashlib import sha256
from html import escape

import traitlets as t

from .. import quizzes
from .base import Figure

__all__ = ["Quiz", "quiz"]

WORD = 0xFFFFFFFF


def _stream(seed: int) -> Iterator[int]:
    """The bytes of ``ae.rng(seed)`` in shared.js (mulberry32)."""
    while True:
        seed = (seed + 0x6D2B79F5) & WORD
        mixed = (seed ^ seed >> 15) * (1 | seed) & WORD
        mixed = (mixed + (mixed ^ mixed >> 7) * (61 | mixed) & WORD) ^ mixed
        yield (mixed ^ mixed >> 14) >> 24


def seal(secret: dict, salt: int) -> bytes:
    """``secret`` as bytes that nobody reads by accident: no cipher, the page has to open it without a server."""
    return bytes(byte ^ key for byte, key in zip(json.dumps(secret).encode(), _stream(salt), strict=False))


def _ask(question: dict) -> dict:
    """What the page may show of a question, and the rest sealed."""
    digest = sha256(question["ask"].encode()).digest()
    salt = int.from_bytes(digest[:4], "big")
    asked = {"ask": question["ask"], "salt": salt}
    if "options" not in question:
        names = ("answer", "tolerance", "because", "wrong", "otherwise")
        return {
            **asked,
            "unit": question.get("unit", ""),
            "sealed": seal({name: question[name] for name in names}, salt),
        }
    # Sources may put the right option first; its place on the page depends on the words alone.
    options = sorted(
        question["options"], key=lambda option: sha256((question["ask"] + option["say"]).encode()).digest()
    )
    right = next(place for place, option in enumerate(options) if option.get("right"))
    secret = {"right": right, "because": [option["because"] for option in options]}
    return {**asked, "options": [option["say"] for option in options], "sealed": seal(secret, salt)}


def _html(text: str) -> str:
    tags = "|".join(quizzes.TAGS)
    return re.sub(rf"&lt;(/?(?:{tags}))&gt;", r"<\1>", escape(text, quote=False))


class Quiz(Figure):
    """Multiple-choice and numeric questions with feedback for every wrong answer; made by :func:`quiz`.

    Args:
        questions: in the form that :func:`aecore.quizzes.check` describes.

    Traits:
        given: for each question the place of the option that was checked, or the number; ``None``: not answered.
        at: the question that shows, from 0.

    Raises:
        ValueError: a question is not in that form.

    Example:
        >>> from aecore import quizzes
        >>> sheet = Quiz(quizzes.read("06"))
        >>> sheet.given = [1e9 if "unit" in asked else None for asked in sheet.questions]
        >>> sheet.right
        0
    """

    module = "quiz"
    in_gallery = False
    questions = t.List(t.Dict()).tag(sync=True)
    given = t.List().tag(sync=True)
    at = t.Int(0).tag(sync=True)
    title = t.Unicode("Check yourself.").tag(sync=True)
    caption = t.Unicode("A wrong answer says what it confuses. Nothing is recorded.").tag(sync=True)

    def __init__(self, questions: list[dict], **traits):
        self._source = quizzes.check(questions)
        shown = [_ask(question) for question in self._source]
        super().__init__(**{"questions": shown, "given": [None] * len(shown), **traits})

    @t.validate("given")
    def _valid_given(self, proposal):
        for answer, asked in zip(proposal.value, self.questions, strict=False):
            number = not isinstance(answer, bool) and isinstance(answer, int | float) and math.isfinite(answer)
            if answer is not None and not (number and ("unit" in asked or answer in range(len(asked["options"])))):
                raise t.TraitError(f"given: got {answer!r}, takes a number, the place of an option, or None")
        if len(proposal.value) != len(self.questions):
            raise t.TraitError(f"given: got {len(proposal.value)} answers, takes {len(self.questions)}")
        return proposal.value

    @t.validate("at")
    def _valid_at(self, proposal):
        if not 0 <= proposal.value < len(self.questions):
            raise t.TraitError(f"at: got {proposal.value}, takes 0 to {len(self.questions) - 1}")
        return proposal.value

    @property
    def right(self) -> int:
        """How many questions are answered right."""
        count = 0
        for question, asked, answer in zip(self._source, self.questions, self.given, strict=True):
            if answer is not None and "options" in asked:
                said = asked["options"][answer]
                count += any(option["say"] == said and option.get("right", False) for option in question["options"])
            elif answer is not None:
                count += abs(answer - question["answer"]) <= question["tolerance"]
        return count

    @property
    def height(self) -> tuple[int, int]:
        """The room of the tallest question, wide and on a phone, from the length of its words."""

        def tall(width: float) -> int:
            def lines(text: str, share: float = 1.0) -> int:
                return math.ceil(len(re.sub("<[^>]*>", "", text)) / (width * share))

            rows = []
            for question in self._source:
                said = [option["because"] for option in question.get("options", [])] or [
                    question["because"],
                    question["otherwise"],
                    *(mistake["because"] for mistake in question["wrong"]),
                ]
                answers = sum(max(44, 22 * lines(option["say"]) + 20) for option in question.get("options", [])) or 52
                rows.append(25 * lines(question["ask"], 0.9) + answers + 21 * (max(map(lines, said)) + 1))
            return max(rows) + 230

        return tall(96), tall(41)

    def __repr__(self) -> str:
        return f"Quiz({len(self.questions)} questions, {self.right} right)"

    def sentence(self) -> str:
        return f"{len(self.questions)} questions to check yourself with."

    def still(self) -> dict:
        """The questions as text, for a reader without JavaScript."""
        items = []
        for question, asked in zip(self._source, self.questions, strict=True):
            options = "".join(f"<li>{_html(option)}</li>" for option in asked.get("options", []))
            unit = f" ({escape(asked['unit'])})" if asked.get("unit") else ""
            items.append(f"<li><p>{_html(question['ask'])}{unit}</p>{options and f'<ul>{options}</ul>'}</li>")
        return {"alt": self.sentence(), "html": f'<ol class="ae-questions">{"".join(items)}</ol>'}


def quiz(chapter: str) -> Quiz:
    """The self-check questions of a chapter, alive in a notebook and on the page.

    Args:
        chapter: two digits, as in the chapter's file name.

    Raises:
        TypeError: ``chapter`` is not a text.
        ValueError: there are no questions for it.

    Example:
        >>> from aecore import widgets
        >>> widgets.quiz("06")
        Quiz(8 questions, 0 right)
    """
    return Quiz(quizzes.read(chapter))
