"""The self-check questions of every chapter: one readable ``NN.json`` each, checked here when it is read.

Example:
    >>> from aecore import quizzes
    >>> questions = quizzes.read("06")
    >>> len(questions) >= 6
    True
"""

import json
import math
import re
from pathlib import Path

__all__ = ["chapters", "check", "read"]

FOLDER = Path(__file__).parent
TAGS = ("sub", "sup", "i", "code")  # all the markup that a question may use; anything else would show as raw text
_MARKUP = re.compile(rf"<({'|'.join(TAGS)})>[^<>]*</\1>")
_RAW = re.compile(r"[$\\`*]|</?[a-z]")
_CHOICE = {"id", "ask", "options"}
_NUMBER = {"id", "ask", "answer", "tolerance", "because", "wrong", "otherwise"}


def chapters() -> list[str]:
    """The chapters that have questions, as two digits each."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(chapter: str) -> list[dict]:
    """The questions of a chapter, checked.

    Args:
        chapter: two digits, as in the chapter's file name.

    Raises:
        TypeError: ``chapter`` is not a text.
        ValueError: there are no questions for it, or a question is not in the form that :func:`check` describes.

    Example:
        >>> read("99")
        Traceback (most recent call last):
        ValueError: chapter: got '99', takes one of '01', ...
    """
    if not isinstance(chapter, str):
        raise TypeError(f"chapter: got {type(chapter).__name__}, takes a text of two digits such as '06'")
    if chapter not in chapters():
        raise ValueError(f"chapter: got {chapter!r}, takes one of {', '.join(map(repr, chapters()))}")
    return check(json.loads((FOLDER / f"{chapter}.json").read_text("utf-8")))


def check(questions: object) -> list[dict]:
    """Return ``questions`` if every one of them can be asked and every wrong answer has its feedback.

    A question is either a choice, ``{"id", "ask", "options": [{"say", "because", "right": true}, …]}`` with exactly
    one right option, or a number, ``{"id", "ask", "answer", "tolerance", "unit", "because", "wrong": [{"value",
    "because"}, …], "otherwise"}``. ``because`` says why; ``otherwise`` helps where no named mistake fits. A named
    mistake is recognised within the question's ``tolerance``, or within its own.

    Raises:
        ValueError: naming the question and what is wrong with it.

    Example:
        >>> option = {"say": "Yes", "because": "You said so.", "right": True}
        >>> check([{"id": "sure", "ask": "Sure?", "options": [option]}])
        Traceback (most recent call last):
        ValueError: question 'sure': got 1 option, takes 3 to 5
    """
    if not isinstance(questions, list) or not questions:
        raise ValueError(f"questions: got {type(questions).__name__}, takes a list of at least one question")
    for number, question in enumerate(questions, 1):
        if not isinstance(question, dict) or not isinstance(question.get("id"), str):
            raise ValueError(f"question number {number}: has to be an object with an 'id'")
        where = f"question {question['id']!r}"
        _keys(where, question, *((_CHOICE, set()) if "options" in question else (_NUMBER, {"unit"})))
        _words(f"{where}, 'ask'", question["ask"])
        _choice(where, question["options"]) if "options" in question else _number(where, question)
    names = [question["id"] for question in questions]
    if len(set(names)) < len(names):
        raise ValueError(f"questions: got the id {max(names, key=names.count)!r} twice")
    return questions


def _keys(where: str, item: object, needed: set[str], allowed: set[str]) -> None:
    found = set(item) if isinstance(item, dict) else set()
    if found - needed - allowed or needed - found:
        raise ValueError(f"{where}: got {sorted(found)}, takes {sorted(needed)}")


def _words(where: str, text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{where}: got {text!r}, takes a sentence")
    if _RAW.search(_MARKUP.sub("", text)):
        raise ValueError(f"{where}: takes plain words, Unicode and <{'> <'.join(TAGS)}>, not LaTeX or Markdown: {text}")


def _choice(where: str, options: list) -> None:
    if not isinstance(options, list) or not 3 <= len(options) <= 5:
        count = len(options) if isinstance(options, list) else 0
        raise ValueError(f"{where}: got {count} option{'' if count == 1 else 's'}, takes 3 to 5")
    for option in options:
        _keys(f"{where}, an option", option, {"say", "because"}, {"right"})
        _words(f"{where}, 'say'", option["say"])
        _words(f"{where}, 'because' of {option['say']!r}", option["because"])
    right = sum(option.get("right") is True for option in options)
    if right != 1:
        raise ValueError(f'{where}: got {right} right options, takes exactly one with "right": true')
    if len({option["say"] for option in options}) < len(options):
        raise ValueError(f"{where}: says the same option twice")


def _number(where: str, question: dict) -> None:
    for name in ("because", "otherwise"):
        _words(f"{where}, {name!r}", question[name])
    centre, reach = _finite(f"{where}, 'answer'", question["answer"]), _tolerance(where, question["tolerance"])
    if not isinstance(question["wrong"], list) or not question["wrong"]:
        raise ValueError(f"{where}: names no wrong value, takes at least one")
    taken = [(centre - reach, centre + reach, "the answer")]
    for mistake in question["wrong"]:
        _keys(f"{where}, a wrong value", mistake, {"value", "because"}, {"tolerance"})
        value = _finite(f"{where}, 'value'", mistake["value"])
        _words(f"{where}, 'because' of {value:g}", mistake["because"])
        reach = _tolerance(where, mistake.get("tolerance", question["tolerance"]))
        for low, high, name in taken:
            if value - reach <= high and value + reach >= low:
                raise ValueError(f"{where}: the wrong value {value:g} cannot be told from {name}")
        taken.append((value - reach, value + reach, f"{value:g}"))


def _finite(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{where}: got {value!r}, takes a finite number")
    return float(value)


def _tolerance(where: str, value: object) -> float:
    if _finite(f"{where}, 'tolerance'", value) <= 0:
        raise ValueError(f"{where}, 'tolerance': got {value!r}, takes a number above 0")
    return float(value)
