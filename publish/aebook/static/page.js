// What a page adds for its reader: one switch for all code, and notes under the pointer. Works without it.
(() => {
  /**
   * @template {keyof HTMLElementTagNameMap} T
   * @param {T} tag
   * @param {Record<string, string>} attributes
   * @param {...(Node | string)} children
   */
  const $ = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  /** @param {string} [value] to keep; nothing: to read */
  const remembered = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("ae-code");
      localStorage.setItem("ae-code", value);
    } catch {
      /* a browser that remembers nothing starts folded */
    }
    return null;
  };

  /** One switch at the top opens and closes the code of every cell, solutions and checks apart. */
  function codeSwitch() {
    /** @type {NodeListOf<HTMLDetailsElement>} */
    const folds = document.querySelectorAll("details.ae-fold-figure, details.ae-fold-measure, details.ae-fold-setup");
    const button = document.querySelector("button.ae-code-switch");
    if (!button) return;
    /** @param {boolean} open */
    const set = (open) => {
      for (const fold of folds) fold.open = open;
      button.textContent = open ? "Hide all code" : "Show all code";
      button.setAttribute("aria-pressed", String(open));
    };
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      set(open);
      remembered(open ? "open" : "closed");
    });
    set(remembered() === "open");
  }

  /** Notes of a page, by their key: words, or an equation and the page it stands on. */
  /** @typedef {Record<string, { text?: string, html?: string, page: string }>} Notes */

  /**
   * What a link's note holds; nothing if there is none.
   * @type {(link: HTMLAnchorElement, data: Notes) => (Node | string)[]}
   */
  function content(link, data) {
    const key = link.dataset.note ?? link.getAttribute("href") ?? "";
    const note = data[key];
    if (note?.text) return [$("p", {}, note.text)];
    if (note?.html) {
      const drawn = $("div", { class: "math notranslate" });
      drawn.innerHTML = note.html;
      return [drawn, $("p", {}, `(${key}), lecture ${note.page.slice(0, 2)}`)];
    }
    const equation = document.getElementById(link.hash.slice(1));
    return equation ? [equation.cloneNode(true)] : [];
  }

  /**
   * Above the link, or under it where there is no room above.
   * @type {(box: HTMLElement, link: Element) => void}
   */
  function place(box, link) {
    const at = link.getBoundingClientRect();
    const width = box.offsetWidth;
    const most = document.documentElement.clientWidth - width - 8;
    const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), most);
    const above = at.top - box.offsetHeight - 8;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(above > 8 ? above : at.bottom + 8) + scrollY}px`;
  }

  /** Hover, focus or tap: the equation, the entry of the references or the meaning of a symbol. */
  function notes() {
    const data = JSON.parse(document.getElementById("ae-notes")?.textContent ?? "{}");
    /** @type {NodeListOf<HTMLAnchorElement>} */
    const links = document.querySelectorAll("a.ae-ref, a.ae-symbol, a.ae-work");
    if (!links.length) return;
    const box = $("div", { class: "ae-note", id: "ae-note", role: "tooltip", hidden: "" });
    document.body.append(box);
    /** @type {HTMLAnchorElement | null} */
    let shown = null;
    let waiting = 0;

    const hide = () => {
      clearTimeout(waiting);
      shown?.removeAttribute("aria-describedby");
      shown = null;
      box.hidden = true;
      box.replaceChildren();
    };
    const hideSoon = () => {
      clearTimeout(waiting);
      waiting = window.setTimeout(hide, 200); // long enough to move the pointer into the note
    };
    /** @param {HTMLAnchorElement} link */
    const show = (link) => {
      clearTimeout(waiting);
      if (shown === link) return;
      hide();
      const parts = content(link, data);
      if (!parts.length) return;
      shown = link;
      box.replaceChildren(...parts);
      for (const copy of box.querySelectorAll("[id]")) copy.removeAttribute("id");
      box.hidden = false;
      link.setAttribute("aria-describedby", "ae-note");
      place(box, link);
    };
    for (const link of links) {
      link.addEventListener("pointerenter", (event) => void (event.pointerType === "mouse" && show(link)));
      link.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hideSoon());
      link.addEventListener("focus", () => void (link.matches(":focus-visible") && show(link)));
      link.addEventListener("blur", hide);
      let touched = false;
      link.addEventListener("pointerdown", (event) => {
        touched = event.pointerType !== "mouse";
      });
      link.addEventListener("click", (event) => {
        if (touched && shown !== link) {
          event.preventDefault(); // the first tap shows, the second one follows the link
          show(link);
        } else hide();
        touched = false;
      });
    }
    box.addEventListener("pointerenter", () => clearTimeout(waiting));
    box.addEventListener("pointerleave", hideSoon);
    addEventListener("keydown", (event) => event.key === "Escape" && hide());
    document.addEventListener("pointerdown", (event) => {
      const target = /** @type {Element} */ (event.target);
      if (shown && !box.contains(target) && target.closest("a") !== shown) hide();
    });
  }

  /** What the theme's buttons would call in an attribute, which a server may forbid. */
  function buttons() {
    /** @type {NodeListOf<HTMLElement>} */
    const all = document.querySelectorAll("[data-click]");
    const does = /** @type {any} */ (window);
    for (const button of all) button.addEventListener("click", () => does[button.dataset.click ?? ""]());
  }

  function start() {
    codeSwitch();
    notes();
    buttons();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
