"""The form of a question, and the widget that asks: refused by name, and no answer can be read by accident."""

import copy
import json
import math
import re

import pytest
import traitlets

from aelab import figures, quizzes
from aelab.quizzes.quiz import seal

CHAPTERS = quizzes.chapters()
ALL = pytest.mark.parametrize("chapter", CHAPTERS)


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
        ({}, "questions must be a list of at least one question, got dict"),
        ([], "questions must be a list of at least one question, got none"),
        ([{"ask": "Which?"}], "question number 1 must be an object with an 'id', got {'ask'"),
        ([3], "question number 1 must be an object with an 'id', got 3"),
        ([choice(), choice()], "questions must have an id each, got 'which' twice"),
        ([changed(choice(), "hint", "no")], "question 'which' must have the keys .*, got .*'hint'"),
        ([changed(choice(), 3, "no")], "question 'which' must have the keys .*, got .*'3'"),
        ([changed(choice(), "ask", " ")], "question 'which', 'ask' must be a sentence, got ' '"),
        ([changed(choice(), "ask", r"What is $\sigma$?")], "'ask' must be plain words, .* not LaTeX or Markdown, got"),
        ([changed(choice(), "ask", "What is <b>this</b>?")], "'ask' must be plain words, Unicode and <sub>"),
        ([changed(choice(), "options", "none")], "question 'which' must have 3 to 5 options, got str"),
        ([changed(choice(), "options", choice()["options"][:2])], "must have 3 to 5 options, got 2"),
        ([changed(choice(), "options", 1, "because", "")], "'because' of 'two' must be a sentence, got ''"),
        ([changed(choice(), "options", 1, {"say": "two"})], "an option must have the keys .*, got .'say'."),
        ([changed(choice(), "options", 1, "two")], r"an option must have the keys .*, got \[\]"),
        ([changed(choice(), "options", 1, "right", True)], "must have exactly one option with .*, got 2"),
        ([changed(choice(), "options", 0, "right", False)], "must have exactly one option with .*, got 0"),
        ([changed(choice(), "options", 1, "right", "yes")], "'right' of 'two' must be true or false, got 'yes'"),
        ([changed(choice(), "options", 1, "say", "one")], "must offer each option once, got 'one' twice"),
        ([changed(number(), "answer", "2")], "'answer' must be a finite number, got '2'"),
        ([changed(number(), "answer", math.inf)], "'answer' must be a finite number, got inf"),
        ([changed(number(), "answer", True)], "'answer' must be a finite number, got True"),
        ([changed(number(), "tolerance", 0)], "'tolerance' must be above 0, got 0"),
        ([changed(number(), "unit", 3)], "'unit' must be a text, got 3"),
        ([changed(number(), "wrong", [])], r"'wrong' must be a list of at least one wrong value, got \[\]"),
        (
            [changed(number(), "wrong", 0, "value", 2.15)],
            "wrong value 2.15 must be further from the answer than .*, got",
        ),
        ([changed(number(), "wrong", 2 * number()["wrong"])], "wrong value 3 must be further from 3 than"),
        ([{k: v for k, v in number().items() if k != "otherwise"}], "question 'many' must have the keys"),
    ],
)
def test_a_question_out_of_form_is_refused_by_name(questions, words):
    with pytest.raises(ValueError, match=words):
        quizzes.check(questions)


def test_a_chapter_is_refused_by_name():
    with pytest.raises(ValueError, match=r"chapter must be one of '01', .*, got '6'"):
        quizzes.quiz("6")
    with pytest.raises(TypeError, match=r"chapter must be one of '01', .*, got int"):
        quizzes.quiz(6)
    with pytest.raises(ValueError, match=r"names must be one of .*, got 'no such question'"):
        quizzes.quiz("06", "no such question")


def test_a_lecture_asks_some_of_its_questions_beside_their_idea():
    first, second, *_ = quizzes.read("06")
    asked = quizzes.quiz("06", second["id"], first["id"])
    assert [question["ask"] for question in asked.questions] == [second["ask"], first["ask"]]
    assert len(quizzes.quiz("06").questions) == len(quizzes.read("06"))


# ---- the widget


def test_right_answers_are_counted():
    sheet = quizzes.Quiz([choice(), number()])
    right = sheet.questions[0]["options"].index("one")
    sheet.given = [float(right), 2.05]
    assert sheet.given == [right, 2.05]
    assert sheet.right == 2
    sheet.given = [None, 2.15]
    assert sheet.right == 0
    sheet.given = [(right + 1) % 3, 3]
    assert sheet.right == 0
    assert repr(sheet) == "Quiz(2 questions, 0 right)"


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"given": [None]}, "given must hold 2 answers, got 1"),
        ({"given": [3, None]}, "given must hold numbers, places of options from 0, or None, got 3"),
        ({"given": [0.5, None]}, "given must hold .*, got 0.5"),
        ({"given": ["one", None]}, "given must hold .*, got 'one'"),
        ({"given": [True, None]}, "given must hold .*, got True"),
        ({"given": [None, math.nan]}, "given must hold .*, got nan"),
        ({"at": 2}, "at must be from 0 to 1, got 2"),
        ({"at": -1}, "at must be from 0 to 1, got -1"),
    ],
)
def test_the_widget_refuses_by_name(traits, words):
    with pytest.raises(traitlets.TraitError, match=words):
        quizzes.Quiz([choice(), number()], **traits)


@ALL
def test_no_answer_can_be_read_in_what_a_page_gets(chapter):
    data, _ = quizzes.quiz(chapter)._repr_mimebundle_()
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
    """The page takes the top 8 bits of each number of mulberry32; here in its own words, with Python's integers."""

    def keys(state):
        while True:
            state = (state + 0x6D2B79F5) % 2**32
            mixed = (state ^ state >> 15) * (1 | state) % 2**32
            mixed = (mixed + (mixed ^ mixed >> 7) * (61 | mixed)) % 2**32 ^ mixed
            yield (mixed ^ mixed >> 14) >> 24

    secret = {"right": 2, "because": ["Why, " * 50]}
    for salt in (0, 7, 2**32 - 1):
        sealed = seal(secret, salt)
        assert json.loads(bytes(byte ^ key for byte, key in zip(sealed, keys(salt), strict=False))) == secret
        assert seal(secret, salt ^ 1) != sealed


def test_the_place_of_the_right_option_gives_nothing_away():
    places = []
    for question in (question for chapter in CHAPTERS for question in quizzes.read(chapter)):
        if "options" in question:
            sheet = quizzes.Quiz([question])
            right = next(option["say"] for option in question["options"] if option.get("right"))
            places.append(sheet.questions[0]["options"].index(right))
            assert sheet.questions == quizzes.Quiz([question]).questions, question["id"]
    assert set(places) >= {0, 1, 2, 3}
    assert max(places.count(place) for place in places) < 0.5 * len(places)


@ALL
def test_without_javascript_the_questions_stand_as_text(chapter):
    still = quizzes.quiz(chapter).still()
    assert still["html"].count("<p>") == len(quizzes.read(chapter))
    assert re.sub(r"</?(ol|ul|li|p|sub|sup|i|code)( class=\"ae-questions\")?>", "", still["html"]).count("<") == 0


def test_a_quiz_keeps_room_for_its_tallest_question():
    """Wide, and on a phone, where the same words take more lines."""
    wide, narrow = quizzes.Quiz([choice(), number()]).height
    assert 300 < wide <= narrow
    long = [changed(choice(), "options", 1, "because", "Many words. " * 50), number()]
    assert quizzes.Quiz(long).height[0] >= wide + 100
    assert quizzes.Quiz(long[::-1]).height == quizzes.Quiz(long).height
    assert quizzes.Quiz(long).height[1] >= narrow + 2 * 100
    assert quizzes.Quiz([number()]).height[0] < wide
    data, _ = quizzes.Quiz(long)._repr_mimebundle_()
    assert [figure["height"] for figure in data.values() if "height" in figure] == [quizzes.Quiz(long).height]


def test_the_quiz_is_no_figure_of_the_gallery():
    assert "Quiz" not in figures.FIGURES
    assert issubclass(quizzes.Quiz, figures.Figure)
