// A deck: reveal.js, the book's MathJax, and the book's figures, which keep the keys that they understand.
window.MathJax = {
  tex: { inlineMath: [["$", "$"], ["\\(", "\\)"]] },
  options: { enableMenu: false, ignoreHtmlClass: "notes|ae-embed" },
  chtml: { matchFontHeight: false },
  loader: { load: [] },
  startup: { typeset: false },
};

(() => {
  const figureOf = (node) => node?.closest?.(".ae-embed");
  const frame = () => new Promise(requestAnimationFrame);

  // A figure stands in its room as large as possible: the largest scale at which one of two widths fits.
  async function fit(embed) {
    const room = embed.parentElement;
    for (let scale = 1.5; scale > 0.4; scale -= 0.05) {
      embed.style.transform = `scale(${scale})`;
      for (const share of [1, 0.85]) {
        embed.style.width = `${(share * room.clientWidth) / scale}px`;
        await frame(); // its plots are drawn anew when their width changes
        await frame();
        if (embed.offsetHeight * scale <= room.clientHeight) return;
      }
    }
  }

  // An equation that is wider than its slide is set a little smaller; the tests refuse one that is still too wide.
  function narrow() {
    for (const formula of document.querySelectorAll('.slides mjx-container[display="true"]')) {
      const share = formula.parentElement.clientWidth / formula.scrollWidth;
      if (share < 1) formula.style.fontSize = `${Math.max(75, 99 * share)}%`;
    }
  }

  // Notes are shown in another window, which has no MathJax: there a formula is MathML, which browsers draw themselves.
  function writeNotes() {
    const formula = /\$\$([^]+?)\$\$|\$([^$]+)\$/g;
    const plain = (text) => Object.assign(document.createElement("textarea"), { innerHTML: text }).value;
    for (const note of document.querySelectorAll("aside.notes"))
      note.innerHTML = note.innerHTML.replace(formula, (_, display, inline) =>
        MathJax.tex2mml(plain(display || inline).replace(/\\tag\{.*?\}/, ""), { display: Boolean(display) }));
  }

  // Inside a figure the keys are the figure's. Escape gives them back; a presenter's remote always turns the page.
  function onKey(event) {
    const turn = { PageDown: () => Reveal.next(), PageUp: () => Reveal.prev() }[event.key];
    if (turn) {
      event.preventDefault();
      event.stopPropagation();
      turn();
    } else if (event.key === "Escape" && figureOf(document.activeElement)) {
      event.stopPropagation();
      document.activeElement.blur();
    }
  }

  async function start() {
    document.querySelectorAll(".ae-embed").forEach((embed) => (embed.dataset.preventSwipe = ""));
    await Reveal.initialize({
      width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4, center: false, display: "flex",
      controls: false, progress: true, slideNumber: "c/t", hash: true, transition: "none", backgroundTransition: "none",
      viewDistance: 1000, mobileViewDistance: 1000, // every figure is laid out before its slide is shown
      keyboardCondition: (event) => !figureOf(event.target),
      pdfMaxPagesPerSlide: 1, pdfSeparateFragments: false, scrollActivationWidth: null,
      defaultTiming: 120, // without it the lecturer's window ignores what each slide says of its time
      plugins: [RevealNotes],
    });
    addEventListener("keydown", onKey, true);
    Reveal.on("slidechanged", () => figureOf(document.activeElement) && document.activeElement.blur());
    await MathJax.startup.promise;
    await MathJax.typesetPromise();
    narrow();
    writeNotes();
    await document.fonts.ready;
    await Promise.all([...document.querySelectorAll(".ae-room > .ae-embed")].map(fit));
    document.documentElement.dataset.deck = "ready";
  }

  if (document.readyState === "complete") start();
  else addEventListener("DOMContentLoaded", start);
})();
