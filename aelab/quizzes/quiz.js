// Questions with sealed answers, one at a time: chosen or typed, checked in the page, every mistake named.
import { define } from "../figures/kit/define.js";
import { h, QUIET, s } from "../figures/kit/dom.js";
import { bytes, rng } from "../figures/kit/maths.js";

/** @typedef {import("../figures/kit/stage.js").Stage} Stage */
/** @typedef {{ ask: string, options?: string[], unit?: string, salt: number, sealed: ArrayBufferView }} Question */
/** @typedef {{ right: number, because: string[] }} ChoiceKey the place of the right option; a word on each */
/** @typedef {{ value: number, tolerance?: number, because: string }} Mistake */
/**
 * @typedef {{ answer: number, tolerance: number, because: string, wrong: Mistake[], otherwise: string }} NumberKey
 */
/** @typedef {ChoiceKey | NumberKey} Key */
/** @typedef {{ right: boolean, because: string }} Verdict */

const reader = new TextDecoder();

/**
 * What Python sealed. It keeps an answer from being read by accident, no more.
 * @type {(salt: number, sealed: ArrayBufferView) => Key}
 */
function unseal(salt, sealed) {
  const { uniform } = rng(salt);
  return JSON.parse(reader.decode(bytes(sealed).map((byte) => byte ^ (256 * uniform()))));
}

/**
 * The verdict on a checked answer: the place of an option, or a number.
 * @type {(key: Key, answer: number) => Verdict}
 */
function judge(key, answer) {
  if ("right" in key) return { right: answer === key.right, because: key.because[answer] };
  /** @type {(value: number, tolerance?: number) => boolean} */
  const near = (value, tolerance = key.tolerance) => Math.abs(answer - value) <= tolerance;
  if (near(key.answer)) return { right: true, because: key.because };
  const mistake = key.wrong.find(({ value, tolerance }) => near(value, tolerance ?? undefined));
  return { right: false, because: mistake ? mistake.because : key.otherwise };
}

/**
 * A number as people type it, or in words why it is none.
 * @type {(typed: string, unit?: string) => { value: number } | { refused: string }}
 */
function parse(typed, unit = "") {
  let text = typed.trim().replace(/[−–]/g, "-").replace(/\s+/g, " ");
  if (unit && text.toLowerCase().endsWith(unit.toLowerCase())) text = text.slice(0, -unit.length).trim();
  if (!text) return { refused: "Type a number first." };
  if (/^[+-]?[1-9]\d{0,2},\d{3}$/.test(text)) {
    const [whole, point] = [text.replace(",", ""), text.replace(",", ".")];
    return { refused: `Is ${text} more than a thousand? Write ${whole}, or ${point} with a point.` };
  }
  if (/^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(text)) text = text.replace(/,/g, "");
  const parts = text.replace(",", ".").split("/");
  const [top, bottom = 1] = parts.map((part) =>
    /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part.trim()) ? Number(part) : Number.NaN,
  );
  const value = parts.length > 2 ? Number.NaN : top / bottom;
  if (Number.isFinite(value)) return { value };
  return { refused: "That is not a number that can be read here. Write it like 0.25, −3 or 1/4." };
}

/**
 * Words with the little markup that quizzes.check allows, as nodes.
 * @param {string} text
 */
const rich = (text) =>
  text.split(/(<(?:sub|sup|i|code)>[^<>]*<\/)(?:sub|sup|i|code)>/).map((part) => {
    const [, tag, inner] = part.match(/^<(sub|sup|i|code)>([^<>]*)<\/$/) ?? [];
    return tag ? h(/** @type {"sub" | "sup" | "i" | "code"} */ (tag), {}, inner) : part;
  });

/**
 * A tick or a cross: a shape, so that it is not told by colour alone.
 * @param {boolean} right
 */
const mark = (right) => {
  const d = right ? "M2 8.5 6.5 13 14 3.5" : "M3 3 13 13M13 3 3 13";
  const line = s("path", { d, class: right ? "ae-right" : "ae-wrong" });
  return s("svg", { class: "ae-mark", viewBox: "0 0 16 16", "aria-hidden": "true" }, line);
};

/**
 * The fields of a question, and the rows they stand in.
 * @param {Question} question
 */
function fields({ options, unit }) {
  if (options) {
    const inputs = options.map((_, value) => h("input", { type: "radio", name: "answer", value, ...QUIET }));
    const rows = options.map((words, i) =>
      h("label", { class: "ae-option" }, inputs[i], h("span", {}, ...rich(words))),
    );
    return { inputs, rows };
  }
  const plain = { inputmode: "text", autocomplete: "off", spellcheck: "false", size: 10 };
  const input = h("input", { type: "text", ...plain, ...QUIET });
  const label = h("span", { class: "ae-label" }, "Your answer");
  return { inputs: [input], rows: [h("label", { class: "ae-typed" }, label, input, unit && h("span", {}, unit))] };
}

/** A question and its verdict. Its answer is an entry of the trait `given`: null, the place of an option, a number. */
class Card {
  /**
   * @param {Stage} f
   * @param {Question[]} questions
   * @param {number} i its place
   * @param {() => void} forth to the next question
   */
  constructor(f, questions, i, forth) {
    this.f = f;
    this.i = i;
    this.question = questions[i];
    this.key = unseal(this.question.salt, this.question.sealed);
    const { inputs, rows } = fields(this.question);
    this.inputs = inputs;
    this.rows = rows;
    const count = h("span", { class: "ae-count" }, `${i + 1} of ${questions.length}`);
    this.legend = h("legend", { tabindex: "-1" }, count, " ", ...rich(this.question.ask));
    this.button = h("button", { type: "submit", class: "ae-button", ...QUIET }, "Check");
    const plain = { type: "button", class: "ae-button", onclick: forth, ...QUIET };
    const next = i + 1 < questions.length && h("button", plain, "Next question");
    this.verdict = h("p", { class: "ae-feedback", role: "status", "aria-live": "polite" });
    const question = h("fieldset", {}, this.legend, ...rows);
    const actions = h("div", { class: "ae-actions" }, this.button, next);
    const hear = {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        f.guard(() => this.check());
      },
      oninput: () => this.edit(),
    };
    const form = { class: "ae-question", novalidate: true, ...hear };
    this.form = h("form", form, question, actions, this.verdict);
    /** @type {number | null} the answer whose verdict shows */
    this.shown = null;
    this.typing = false;
  }

  /** @returns {number | null} */
  get answer() {
    return this.f.get("given")[this.i];
  }
  set answer(answer) {
    const given = /** @type {(number | null)[]} */ (this.f.get("given"));
    this.f.set(
      "given",
      given.map((old, j) => (j === this.i ? answer : old)),
    );
  }

  /** "Check" was pressed, or "Try again". */
  check() {
    if (this.answer !== null && this.button.dataset.again) {
      this.answer = null;
      return (this.inputs.find((input) => input.checked) ?? this.inputs[0]).focus();
    }
    const read = this.read();
    if (!this.question.options) this.inputs[0].setAttribute("aria-invalid", String("refused" in read));
    if ("refused" in read) this.verdict.replaceChildren(read.refused);
    else this.answer = read.value;
  }

  read() {
    if (!this.question.options) return parse(this.inputs[0].value, this.question.unit);
    const value = this.inputs.findIndex((input) => input.checked);
    return value < 0 ? { refused: "Choose one of the answers first." } : { value };
  }

  /** Something else was typed or chosen: what was given no longer counts. */
  edit() {
    this.inputs[0].removeAttribute("aria-invalid");
    this.verdict.replaceChildren();
    this.typing = true;
    if (this.answer !== null) this.answer = null;
    this.typing = false;
  }

  clear() {
    this.form.reset();
    this.verdict.replaceChildren();
    this.inputs[0].removeAttribute("aria-invalid");
  }

  /** @returns {Verdict | null} */
  judged() {
    return this.answer === null ? null : judge(this.key, this.answer);
  }

  /** Characters of the longest verdict: room for it is kept. */
  get longest() {
    const key = this.key;
    const words = "right" in key ? key.because : [key.because, key.otherwise, ...key.wrong.map((m) => m.because)];
    return Math.max(...words.map((text) => text.length));
  }

  /** @param {number} width of the figure */
  draw(width) {
    this.verdict.style.minHeight = `${1.45 * Math.ceil((this.longest + 12) / (width / 7.2))}em`;
    if (this.shown === this.answer) return;
    this.shown = this.answer;
    for (const row of this.rows) row.querySelector(".ae-mark")?.remove();
    const found = this.judged();
    if (found) this.show(/** @type {number} */ (this.answer), found);
    else if (!this.typing) this.clear();
    const again = Boolean(found && !found.right);
    this.button.textContent = again ? "Try again" : "Check";
    if (again) this.button.dataset.again = "true";
    else delete this.button.dataset.again;
  }

  /**
   * @param {number} answer
   * @param {Verdict} found
   */
  show(answer, { right, because }) {
    const [first] = this.inputs;
    const read = this.question.options ? {} : parse(first.value, this.question.unit);
    if (this.question.options) this.inputs[answer].checked = true;
    else if (!("value" in read && read.value === answer)) first.value = String(answer);
    this.rows[this.question.options ? answer : 0].append(mark(right));
    this.verdict.replaceChildren(h("b", {}, right ? "Right." : "Not yet."), " ", ...rich(because));
  }
}

/**
 * The numbers over the cards, with what each came to.
 * @param {Card[]} cards
 * @param {(i: number) => void} go
 */
function tabsOver(cards, go) {
  const tabs = cards.map((_, i) =>
    h("button", { type: "button", class: "ae-tab", onclick: () => go(i), ...QUIET }, String(i + 1)),
  );
  const node = h("div", { class: "ae-tabs", role: "group", "aria-label": "Questions" }, ...tabs);
  /** @type {(verdicts: (Verdict | null)[], at: number) => void} */
  const draw = (verdicts, at) =>
    tabs.forEach((tab, i) => {
      const found = verdicts[i];
      const words = !found ? "not answered" : found.right ? "right" : "not yet right";
      tab.replaceChildren(`${i + 1}`, ...(found ? [mark(found.right)] : []));
      tab.setAttribute("aria-label", `Question ${i + 1}, ${words}`);
      if (i === at) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    });
  return { node, draw };
}

/** @type {(verdicts: (Verdict | null)[]) => string} */
function score(verdicts) {
  const right = verdicts.filter((found) => found?.right).length;
  const open = verdicts.filter((found) => !found).length;
  const wrong = verdicts.length - right;
  const rest = open ? `, ${open} not answered` : wrong ? `, ${wrong} to try again` : ": all of them";
  return `${right} of ${verdicts.length} right${rest}.`;
}

export default define({
  math: { unseal, judge, parse },
  data: ["questions"],
  render(f) {
    const questions = /** @type {Question[]} */ (f.get("questions"));
    const cards = questions.map((_, i) => new Card(f, questions, i, () => go(i + 1)));
    /** @param {number} i */
    const go = (i) => {
      f.set("at", i);
      cards[i].legend.focus({ preventScroll: true });
    };
    const tabs = tabsOver(cards, go);
    f.body.append(tabs.node, h("div", { class: "ae-deck" }, ...cards.map(({ form }) => form)));
    // Keys that are meant for the quiz must not turn a slide or run a cell.
    f.root.addEventListener("keydown", (event) => {
      if (!["Tab", "Escape"].includes(event.key)) event.stopPropagation();
    });
    f.reset("given", "at").addEventListener("click", () => {
      for (const card of cards) card.clear();
    });
    const say = f.readout({ lines: 1 });
    f.draw(["given", "at"], () => {
      const at = f.get("at");
      cards.forEach((card, i) => {
        card.form.classList.toggle("ae-away", i !== at);
        card.draw(f.host.clientWidth || 680);
      });
      const verdicts = cards.map((card) => card.judged());
      tabs.draw(verdicts, at);
      say(score(verdicts));
    });
  },
});
