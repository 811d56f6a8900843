// Questions with sealed answers, one at a time: chosen or typed, checked in the page, every mistake named.
const reader = new TextDecoder();
/** What Python sealed. It keeps an answer from being read by accident, no more. */
function unseal(salt, sealed) {
  const { uniform } = ae.rng(salt);
  return JSON.parse(reader.decode(ae.bytes(sealed).map((byte) => byte ^ (256 * uniform()))));
}

/** The verdict on a checked answer: the place of an option, or a number. */
function judge(key, answer) {
  if (key.because instanceof Array) return { right: answer === key.right, because: key.because[answer] };
  const near = (value, tolerance) => Math.abs(answer - value) <= tolerance;
  if (near(key.answer, key.tolerance)) return { right: true, because: key.because };
  const mistake = key.wrong.find(({ value, tolerance }) => near(value, tolerance ?? key.tolerance));
  return { right: false, because: (mistake ?? { because: key.otherwise }).because };
}

/** A number as people type it, or in words why it is none: {value} or {refused}. */
function parse(typed, unit = "") {
  let text = typed.trim().replace(/[−–]/g, "-").replace(/\s+/g, " ");
  if (unit && text.toLowerCase().endsWith(unit.toLowerCase())) text = text.slice(0, -unit.length).trim();
  if (!text) return { refused: "Type a number first." };
  if (/^[+-]?[1-9]\d{0,2},\d{3}$/.test(text))
    return { refused: `Is ${text} more than a thousand? Write ${text.replace(",", "")}, or ${text.replace(",", ".")} with a point.` };
  if (/^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(text)) text = text.replace(/,/g, "");
  const [top, bottom, ...rest] = text.replace(",", ".").split("/").map((part) => part.trim());
  const number = (part) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part) ? Number(part) : NaN);
  const value = bottom === undefined ? number(top) : rest.length ? NaN : number(top) / number(bottom);
  return Number.isFinite(value) ? { value } : { refused: "That is not a number that can be read here. Write it like 0.25, −3 or 1/4." };
}

/** Words with the little markup that quizzes.check allows, as nodes. */
const rich = (text) => text.split(/(<(?:sub|sup|i|code)>[^<>]*<\/)(?:sub|sup|i|code)>/).map((part) => {
  const [, tag, inner] = part.match(/^<(sub|sup|i|code)>([^<>]*)<\/$/) ?? [];
  return tag ? ae.h(tag, {}, inner) : part;
});

/** A tick or a cross: a shape, so that it is not told by colour alone. */
const mark = (right) => ae.h("svg:svg", { class: "ae-mark", viewBox: "0 0 16 16", "aria-hidden": "true" },
  ae.h("svg:path", { d: right ? "M2 8.5 6.5 13 14 3.5" : "M3 3 13 13M13 3 3 13", class: right ? "ae-right" : "ae-wrong" }));

export default ae.define({
  math: { unseal, judge, parse },
  data: ["questions"],
  render(f) {
    const questions = f.get("questions"), quiet = { "data-lm-suppress-shortcuts": "true" };
    const keys = questions.map(({ salt, sealed }) => unseal(salt, sealed));
    const longest = keys.map((key) => Math.max(...[key.because, key.otherwise ?? [], (key.wrong ?? []).map((m) => m.because)].flat().map((words) => words.length)));
    const give = (i, answer) => f.set("given", f.get("given").map((old, j) => (j === i ? answer : old)));
    const go = (i) => { f.set("at", i); cards[i].legend.focus({ preventScroll: true }); };
    let typing = false;

    const tabs = questions.map((_, i) => ae.h("button", { type: "button", class: "ae-tab", ...quiet, onclick: () => go(i) }));
    const cards = questions.map(({ ask, options, unit }, i) => {
      const button = ae.h("button", { type: "submit", class: "ae-button", ...quiet }, "Check");
      const next = i + 1 < questions.length && ae.h("button", { type: "button", class: "ae-button", ...quiet, onclick: () => go(i + 1) }, "Next question");
      const legend = ae.h("legend", { tabindex: "-1" }, ae.h("span", { class: "ae-count" }, `${i + 1} of ${questions.length}`), " ", ...rich(ask));
      const inputs = options ? options.map((_, place) => ae.h("input", { type: "radio", name: "answer", value: place, ...quiet }))
        : [ae.h("input", { type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false", size: 10, ...quiet })];
      const rows = options ? options.map((words, place) => ae.h("label", { class: "ae-option" }, inputs[place], ae.h("span", {}, ...rich(words))))
        : [ae.h("label", { class: "ae-typed" }, ae.h("span", { class: "ae-label" }, "Your answer"), inputs[0], unit && ae.h("span", {}, unit))];
      const verdict = ae.h("p", { class: "ae-feedback", role: "status", "aria-live": "polite" });
      const submit = (event) => {
        event.preventDefault();
        f.guard(() => {
          if (f.get("given")[i] !== null && button.dataset.again) { give(i, null); return (inputs.find((input) => input.checked) ?? inputs[0]).focus(); }
          const place = inputs.findIndex((input) => input.checked);
          const read = !options ? parse(inputs[0].value, unit) : place < 0 ? { refused: "Choose one of the answers first." } : { value: place };
          if (!options) inputs[0].setAttribute("aria-invalid", "refused" in read);
          if ("refused" in read) verdict.replaceChildren(read.refused);
          else give(i, read.value);
        });
      };
      const edit = () => {
        inputs[0].removeAttribute("aria-invalid");
        verdict.replaceChildren();
        typing = true;
        if (f.get("given")[i] !== null) give(i, null);
        typing = false;
      };
      const form = ae.h("form", { class: "ae-question", novalidate: true, onsubmit: submit, oninput: edit },
        ae.h("fieldset", {}, legend, ...rows), ae.h("div", { class: "ae-actions" }, button, next || null), verdict);
      return { form, legend, inputs, rows, button, verdict, shown: null };
    });
    f.body.append(ae.h("div", { class: "ae-tabs", role: "group", "aria-label": "Questions" }, ...tabs), ae.h("div", { class: "ae-deck" }, ...cards.map(({ form }) => form)));
    // Keys that are meant for the quiz must not turn a slide or run a cell.
    f.root.addEventListener("keydown", (event) => { if (!["Tab", "Escape"].includes(event.key)) event.stopPropagation(); });
    const clear = (card) => { card.form.reset(); card.verdict.replaceChildren(); card.inputs[0].removeAttribute("aria-invalid"); };
    f.reset("given", "at").addEventListener("click", () => cards.forEach(clear));
    const say = f.readout({ lines: 1 });

    f.draw(["given", "at"], () => {
      const given = f.get("given"), at = f.get("at"), width = f.host.clientWidth || 680;
      const verdicts = given.map((answer, i) => (answer === null ? null : judge(keys[i], answer)));
      cards.forEach((card, i) => {
        const { form, inputs, rows, button, verdict } = card, found = verdicts[i];
        form.classList.toggle("ae-away", i !== at);
        verdict.style.minHeight = `${1.45 * Math.ceil((longest[i] + 12) / (width / 7.2))}em`;
        if (card.shown === given[i]) return;
        card.shown = given[i];
        rows.forEach((row) => row.querySelector(".ae-mark")?.remove());
        if (!found) {
          if (!typing) clear(card);
        } else {
          const place = inputs.length > 1 ? given[i] : 0;
          if (inputs.length > 1) inputs[place].checked = true;
          else if (parse(inputs[0].value, questions[i].unit).value !== given[i]) inputs[0].value = given[i];
          rows[place].append(mark(found.right));
          verdict.replaceChildren(ae.h("b", {}, found.right ? "Right." : "Not yet."), " ", ...rich(found.because));
        }
        const again = Boolean(found) && !found.right;
        button.textContent = again ? "Try again" : "Check";
        if (again) button.dataset.again = "true";
        else delete button.dataset.again;
      });
      tabs.forEach((tab, i) => {
        const words = !verdicts[i] ? "not answered" : verdicts[i].right ? "right" : "not yet right";
        tab.replaceChildren(`${i + 1}`, ...(verdicts[i] ? [mark(verdicts[i].right)] : []));
        tab.setAttribute("aria-label", `Question ${i + 1}, ${words}`);
        if (i === at) tab.setAttribute("aria-current", "true");
        else tab.removeAttribute("aria-current");
      });
      const right = verdicts.filter((found) => found?.right).length, open = verdicts.filter((found) => !found).length;
      say(`${right} of ${questions.length} right${open ? `, ${open} not answered` : right < questions.length ? `, ${questions.length - right} to try again` : ": all of them"}.`);
    });
  },
});
