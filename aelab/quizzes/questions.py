"""The questions themselves: one readable `NN.json` for each chapter, checked here when it is read.

Example:
    >>> from aelab import quizzes
    >>> questions = quizzes.read("06")
    >>> len(questions) >= 6
    True
"""

import json
import math
import re
from pathlib import Path

from aecore import _check

__all__ = ["chapters", "check", "read"]

FOLDER = Path(__file__).parent
TAGS = ("sub", "sup", "i", "code")  # all the markup that a question may use; anything else would show as raw text
_MARKUP = re.compile(rf"<({'|'.join(TAGS)})>[^<>]*</\1>")
_RAW = re.compile(r"[$\\`*]|</?[a-z]")
_KEYS_OF_CHOICE = {"id", "ask", "options"}
_KEYS_OF_NUMBER = {"id", "ask", "answer", "tolerance", "because", "wrong", "otherwise"}


def chapters() -> list[str]:
    """The chapters that have questions, as two digits each.

    Example:
        >>> chapters()[:2]
        ['01', '02']
    """
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(chapter: str) -> list[dict]:
    """The questions of a chapter, checked.

    Args:
        chapter: two digits, as in the chapter's file name.

    Raises:
        TypeError: if `chapter` is no text.
        ValueError: if there are no questions for it, or a question is not in the form that `check` describes.

    Example:
        >>> read("99")
        Traceback (most recent call last):
        ValueError: chapter must be one of '01', ..., got '99'
    """
    _check.choice("chapter", chapter, tuple(chapters()))
    return check(json.loads((FOLDER / f"{chapter}.json").read_text("utf-8")))


def check(questions: object) -> list[dict]:
    """Return `questions` if every one of them can be asked and every wrong answer has its feedback.

    A question is either a choice, `{"id", "ask", "options": [{"say", "because", "right": true}, …]}` with exactly
    one right option, or a number, `{"id", "ask", "answer", "tolerance", "unit", "because", "wrong": [{"value",
    "because"}, …], "otherwise"}`. `because` says why; `otherwise` helps where no named mistake fits. A named mistake
    is recognised within the question's `tolerance`, or within its own.

    Raises:
        ValueError: naming the question and what is wrong with it.

    Example:
        >>> option = {"say": "Yes", "because": "You said so.", "right": True}
        >>> check([{"id": "sure", "ask": "Sure?", "options": [option]}])
        Traceback (most recent call last):
        ValueError: question 'sure' must have 3 to 5 options, got 1
    """
    if not isinstance(questions, list) or not questions:
        got = "none" if questions == [] else type(questions).__name__
        raise ValueError(f"questions must be a list of at least one question, got {got}")
    for number, question in enumerate(questions, 1):
        if not isinstance(question, dict) or not isinstance(question.get("id"), str):
            raise ValueError(f"question number {number} must be an object with an 'id', got {question!r}")
        where = f"question {question['id']!r}"
        if "options" in question:
            _check_keys(where, question, _KEYS_OF_CHOICE, set())
            _check_words(f"{where}, 'ask'", question["ask"])
            _check_choice(where, question["options"])
        else:
            _check_keys(where, question, _KEYS_OF_NUMBER, {"unit"})
            _check_words(f"{where}, 'ask'", question["ask"])
            _check_number(where, question)
    names = [question["id"] for question in questions]
    if len(set(names)) < len(names):
        raise ValueError(f"questions must have an id each, got {max(names, key=names.count)!r} twice")
    return questions


def _check_keys(where: str, item: object, needed: set[str], allowed: set[str]) -> None:
    keys = set(item) if isinstance(item, dict) else set()
    if keys - needed - allowed or needed - keys:
        raise ValueError(f"{where} must have the keys {sorted(needed)}, got {sorted(map(str, keys))}")


def _check_words(where: str, text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{where} must be a sentence, got {text!r}")
    if _RAW.search(_MARKUP.sub("", text)):
        tags = "> <".join(TAGS)
        raise ValueError(f"{where} must be plain words, Unicode and <{tags}>, not LaTeX or Markdown, got {text!r}")


def _check_choice(where: str, options: object) -> None:
    if not isinstance(options, list) or not 3 <= len(options) <= 5:
        count = len(options) if isinstance(options, list) else type(options).__name__
        raise ValueError(f"{where} must have 3 to 5 options, got {count}")
    for option in options:
        _check_keys(f"{where}, an option", option, {"say", "because"}, {"right"})
        _check_words(f"{where}, 'say'", option["say"])
        _check_words(f"{where}, 'because' of {option['say']!r}", option["because"])
        if not isinstance(option.get("right", False), bool):
            raise ValueError(f"{where}, 'right' of {option['say']!r} must be true or false, got {option['right']!r}")
    right = sum(option.get("right", False) for option in options)
    if right != 1:
        raise ValueError(f'{where} must have exactly one option with "right": true, got {right}')
    words = [option["say"] for option in options]
    if len(set(words)) < len(words):
        raise ValueError(f"{where} must offer each option once, got {max(words, key=words.count)!r} twice")


def _check_number(where: str, question: dict) -> None:
    for name in ("because", "otherwise"):
        _check_words(f"{where}, {name!r}", question[name])
    if not isinstance(question.get("unit", ""), str):
        raise ValueError(f"{where}, 'unit' must be a text, got {question['unit']!r}")
    answer, reach = _finite(f"{where}, 'answer'", question["answer"]), _tolerance(where, question["tolerance"])
    if not isinstance(question["wrong"], list) or not question["wrong"]:
        raise ValueError(f"{where}, 'wrong' must be a list of at least one wrong value, got {question['wrong']!r}")
    taken = [(answer - reach, answer + reach, "the answer")]
    for mistake in question["wrong"]:
        _check_keys(f"{where}, a wrong value", mistake, {"value", "because"}, {"tolerance"})
        value = _finite(f"{where}, 'value'", mistake["value"])
        _check_words(f"{where}, 'because' of {value:g}", mistake["because"])
        reach = _tolerance(where, mistake.get("tolerance", question["tolerance"]))
        for low, high, name in taken:
            if value - reach <= high and value + reach >= low:
                raise ValueError(
                    f"{where}, the wrong value {value:g} must be further from {name} than their tolerances reach, "
                    f"got {value - reach:g} to {value + reach:g} and {low:g} to {high:g}"
                )
        taken.append((value - reach, value + reach, f"{value:g}"))


def _finite(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{where} must be a finite number, got {value!r}")
    return float(value)


def _tolerance(where: str, value: object) -> float:
    number = _finite(f"{where}, 'tolerance'", value)
    if number <= 0:
        raise ValueError(f"{where}, 'tolerance' must be above 0, got {value!r}")
    return number
