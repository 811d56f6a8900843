"""The self-check questions on the page: by mouse and keyboard, right and wrong, spoken and reset, without a kernel."""

from __future__ import annotations

import pytest
from pages import asked

from aelab import quizzes

from .test_pages import violations

EMBED = '.ae-embed[data-module="quiz"]'
CHAPTERS = quizzes.chapters()
ASKED = [(chapter, group) for chapter in CHAPTERS for group in range(len(asked(chapter)))]
every_quiz = pytest.mark.parametrize(("chapter", "group"), ASKED)


@pytest.fixture(scope="session")
def quiz_pages(site) -> dict[str, str]:
    """The page of each chapter's quiz, by the first words that it asks."""
    found = {}
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8") if "_static" not in page.parts else ""
        for chapter in CHAPTERS:
            if f'"ask": "{quizzes.read(chapter)[0]["ask"][:40]}' in text:
                found[chapter] = str(page.relative_to(site))
    return found


class QuizOnPage:
    """One chapter's quiz, and what stands in the card that shows."""

    def __init__(self, page, chapter: str, group: int):
        self.page, self.source = page, asked(chapter)[group]
        self.embed = page.locator(EMBED).filter(has_text=plain(self.source[0]["ask"])[:40])
        self.embed.scroll_into_view_if_needed()
        self.card = self.embed.locator(".ae-question:not(.ae-away)")
        self.verdict = self.card.get_by_role("status")
        self.score = self.embed.locator(".ae-say")

    def button(self, name: str):
        return self.card.get_by_role("button", name=name, exact=True)

    def go(self, number: int) -> dict:
        self.embed.get_by_role("button", name=f"Question {number},").click()
        return self.source[number - 1]

    def first(self, kind: str) -> dict:
        """Show the first question of a kind: "options" or "answer"."""
        return self.go(next(i for i, question in enumerate(self.source, 1) if kind in question))

    def choose(self, words: str):
        self.card.locator("label").filter(has_text=plain(words)).click()
        self.button("Check").click()

    def type(self, words: str):
        self.card.get_by_role("textbox").fill(words)
        self.page.keyboard.press("Enter")


def plain(words: str) -> str:
    for tag in quizzes.TAGS:
        words = words.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    return words


@pytest.fixture
def open_quiz(light, bases, quiz_pages):
    return lambda chapter="07", group=0, way="file", reader=light: QuizOnPage(
        reader.open(bases[way] + quiz_pages[chapter]), chapter, group
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_shows_its_quiz(quiz_pages, chapter):
    assert chapter in quiz_pages


@pytest.mark.parametrize("way", ["http", "file"])
def test_a_choice_by_mouse(open_quiz, light, way):
    quiz = open_quiz(way=way)
    question = quiz.first("options")
    quiz.button("Check").click()
    assert quiz.verdict.inner_text() == "Choose one of the answers first."
    wrong = [option for option in question["options"] if not option.get("right")]
    right = next(option for option in question["options"] if option.get("right"))
    for option in wrong:
        quiz.choose(option["say"])
        assert quiz.verdict.inner_text() == f"Not yet. {plain(option['because'])}"
        assert quiz.card.locator("label:has(input:checked) .ae-wrong").count() == 1, "a cross beside the choice"
        assert quiz.score.inner_text().startswith("0 of 8 right")
        quiz.button("Try again").click()
        assert quiz.verdict.inner_text() == ""
        assert quiz.card.locator("input:checked, .ae-mark").count() == 0
    quiz.choose(right["say"])
    assert quiz.verdict.inner_text() == f"Right. {plain(right['because'])}"
    assert quiz.card.locator("label:has(input:checked) .ae-right").count() == 1, "a tick beside the choice"
    assert quiz.score.inner_text() == "1 of 8 right, 7 not answered."
    assert light.problems == []


def test_a_choice_by_keyboard(open_quiz):
    quiz = open_quiz()
    question = quiz.first("options")
    number = quiz.source.index(question) + 1
    key, words = quiz.page.keyboard, "document.activeElement.closest('label, legend, button')?.innerText ?? ''"
    quiz.go(number)
    assert plain(question["ask"])[:30] in quiz.page.evaluate(words), "the question has the focus, and is read"
    key.press("Tab")
    key.press("Space")
    for _ in range(5):
        key.press("ArrowDown")
        if plain(next(o for o in question["options"] if o.get("right"))["say"]) in quiz.page.evaluate(words):
            break
    assert quiz.verdict.inner_text() == "", "moving through the options gives nothing away"
    key.press("Enter")
    assert quiz.verdict.inner_text().startswith("Right.")
    key.press("ArrowDown")
    assert quiz.verdict.inner_text() == "", "another choice takes the verdict back"
    assert quiz.score.inner_text().startswith("0 of 8")
    key.press("Tab")
    key.press("Enter")
    assert quiz.verdict.inner_text().startswith("Not yet.")
    key.press("Tab")
    key.press("Enter")
    assert plain(quiz.source[number]["ask"])[:30] in quiz.page.evaluate(words), "the next question has the focus"


@pytest.mark.parametrize("way", ["http", "file"])
def test_a_number(open_quiz, way):
    quiz = open_quiz(way=way)
    question = quiz.first("answer")
    field = quiz.card.get_by_role("textbox", name="Your answer")
    for nonsense, reply in {
        "": "Type a number first.",
        "a lot": "not a number that can be read",
        "1,024": "Write 1024, or 1.024 with a point",
    }.items():
        quiz.type(nonsense)
        assert reply in quiz.verdict.inner_text()
        assert field.get_attribute("aria-invalid") == "true"
        assert "8 not answered" in quiz.score.inner_text(), "nonsense is not counted"
    for mistake in question["wrong"]:
        quiz.type(str(mistake["value"]))
        assert quiz.verdict.inner_text() == f"Not yet. {plain(mistake['because'])}"
    quiz.type("123456")
    assert quiz.verdict.inner_text() == f"Not yet. {plain(question['otherwise'])}"
    assert field.get_attribute("aria-invalid") == "false"
    quiz.page.keyboard.press("Enter")
    assert field.evaluate("(field) => field === document.activeElement"), "try again goes back to the field"
    quiz.type(f"{question['answer'] + 0.9 * question['tolerance']} {question['unit']}")
    assert quiz.verdict.inner_text() == f"Right. {plain(question['because'])}"
    quiz.type(str(question["answer"] + 1.1 * question["tolerance"]))
    assert quiz.verdict.inner_text().startswith("Not yet.")


# Each answer in its turn, every other question unanswered: what the page then shows of it. One call a chapter.
SHOWN = """(embed, answers) => {
  const questions = embed.aeModel.get("questions"), cards = [...embed.querySelectorAll(".ae-question")];
  const tabs = [...embed.querySelectorAll(".ae-tab")];
  return answers.map(([number, answer]) => {
    const place = typeof answer === "string" ? questions[number].options.indexOf(answer) : answer;
    embed.aeModel.set("at", number);
    embed.aeModel.set("given", questions.map((_, other) => (other === number ? place : null)));
    const [mark, ...more] = cards[number].querySelectorAll(".ae-mark > path");
    const row = mark.closest("label"), input = row.querySelector("input");
    return {
      verdict: cards[number].querySelector("[role=status]").textContent,
      mark: more.length ? "several" : mark.getAttribute("class"),
      row: row.textContent,
      typed: input.type === "text" ? Number(input.value) : input.checked,
      tab: tabs[number].getAttribute("aria-label"),
      score: embed.querySelector(".ae-say").textContent,
      away: cards.map((card) => card.classList.contains("ae-away")),
    };
  });
}"""


@every_quiz
def test_every_answer_is_shown_with_its_own_reason(open_quiz, chapter, group):
    quiz = open_quiz(chapter, group)
    answers, wanted, count = [], [], len(quiz.source)
    for number, question in enumerate(quiz.source):
        for option in question.get("options", []):
            answers.append((number, option["say"]))
            wanted.append((option.get("right", False), option["because"], plain(option["say"]), True))
        if "answer" in question:
            others = [(item["value"], False, item["because"]) for item in question["wrong"]]
            nonsense = 1e6 + abs(question["answer"])
            for value, right, because in [
                (question["answer"], True, question["because"]),
                *others,
                (nonsense, False, question["otherwise"]),
            ]:
                answers.append((number, value))
                wanted.append((right, because, "Your answer", value))
    for (number, _), (right, because, row, typed), shown in zip(
        answers, wanted, quiz.embed.evaluate(SHOWN, answers), strict=True
    ):
        assert shown["verdict"] == f"{'Right.' if right else 'Not yet.'} {plain(because)}"
        assert shown["mark"] == ("ae-right" if right else "ae-wrong")
        assert shown["row"].startswith(row)
        assert shown["typed"] == typed
        assert shown["tab"] == f"Question {number + 1}, {'right' if right else 'not yet right'}"
        rest = f", {count - 1} not answered" if count > 1 else ": all of them" if right else ", 1 to try again"
        assert shown["score"] == f"{int(right)} of {count} right{rest}."
        assert shown["away"] == [other != number for other in range(count)]


def test_reset_forgets_everything(open_quiz):
    quiz = open_quiz()
    start = quiz.embed.inner_text()
    quiz.first("options")
    quiz.card.locator("label").first.click()
    quiz.button("Check").click()
    quiz.first("answer")
    quiz.type("nonsense")
    assert quiz.embed.inner_text() != start
    quiz.embed.get_by_role("button", name="Reset").click()
    assert quiz.embed.inner_text() == start
    assert quiz.embed.locator("input:checked, [aria-invalid], .ae-mark").count() == 0
    assert (
        quiz.embed.locator("input[type=text]").evaluate_all("(all) => all.map((field) => field.value).join('')") == ""
    )


# Every option chosen and checked. By clicks of the page: each of playwright's, which a test above makes, takes 0.1 s.
HEIGHTS = """(card) => [...card.querySelectorAll("label")].map((label) => {
  label.click();
  [...card.querySelectorAll("button")].find((button) => button.innerText === "Check").click();
  if (!card.querySelector("[role=status]").innerText) throw new Error(`no verdict: ${label.innerText}`);
  return card.closest(".ae-host").getBoundingClientRect().height;
})"""


@every_quiz
@pytest.mark.parametrize("reader", ["light", "phone"])
def test_nothing_jumps(request, open_quiz, chapter, group, reader):
    quiz = open_quiz(chapter, group, reader=request.getfixturevalue(reader))
    mount, host = quiz.embed.locator(".ae-mount"), quiz.embed.locator(".ae-host")
    declared = mount.evaluate("(mount) => parseFloat(getComputedStyle(mount).minHeight)")
    height = host.bounding_box()["height"]
    assert height <= declared + 1, f"takes {height:.0f} px, declares {declared:.0f}"
    assert declared - height < 90, f"takes {height:.0f} px, declares {declared:.0f}"
    for number, question in enumerate(quiz.source, 1):
        quiz.go(number)
        if "options" in question:
            heights = quiz.card.evaluate(HEIGHTS)
            assert len(heights) == len(question["options"])
            assert max(heights) <= height + 1, question["id"]
        for item in question.get("wrong", []):
            quiz.type(str(item["value"]))
            assert host.bounding_box()["height"] <= height + 1, f"{question['id']}: {item['because']}"


@pytest.mark.parametrize("reader", ["light", "dark"])
def test_a_verdict_passes_axe(request, open_quiz, reader):
    quiz = open_quiz(reader=request.getfixturevalue(reader))
    quiz.first("answer")
    quiz.type("nonsense")
    quiz.first("options")
    quiz.choose(next(o for o in quiz.source[quiz.embed.evaluate("(e) => e.aeModel.get('at')")]["options"])["say"])
    assert violations(quiz.page) == []


def test_it_has_names_and_large_targets_and_no_ids(open_quiz, phone):
    quiz = open_quiz(reader=phone)
    question = quiz.first("options")
    group = quiz.card.get_by_role("group")
    assert plain(question["ask"]) in group.locator("legend").inner_text()
    assert group.get_by_role("radio").count() == len(question["options"])
    assert quiz.embed.locator("[id]").count() == 0
    small = quiz.embed.locator("button, .ae-option, .ae-typed input").evaluate_all(
        "(all) => all.map((e) => e.getBoundingClientRect().height).filter((height) => height < 39.5)"
    )
    assert small == []


def test_without_javascript_the_questions_are_text(no_script, bases, quiz_pages):
    page = no_script.open(bases["file"] + quiz_pages["07"])
    source = quizzes.read("07")
    embed = next(embed for embed in page.locator(EMBED).all() if source[0]["ask"][:40] in embed.inner_html())
    shown = embed.locator(".ae-questions > li")
    assert shown.count() == len(source)
    for item, question in zip(shown.all(), source, strict=True):
        assert item.is_visible()
        assert plain(question["ask"]) in item.inner_text()
        assert all(plain(option["say"]) in item.inner_text() for option in question.get("options", []))
    assert embed.locator(".ae-sentence").is_visible()


def test_no_answer_stands_in_the_source_of_a_page(site, quiz_pages):
    for chapter, path in quiz_pages.items():
        html = (site / path).read_text("utf-8")
        for question in quizzes.read(chapter):
            for item in question.get("options", question.get("wrong")):
                assert item["because"] not in html
