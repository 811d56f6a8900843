"""What the theme's pages get when they are written: nothing heavy before the text, room for all that comes later.

Each function takes the text of a page and gives it back mended; `mend` does all of them.
"""

from __future__ import annotations

import re
from pathlib import Path

from .strict import file_of, strict

__all__ = ["mend", "quiet_theme"]

SCRIPT = r'<script(?P<before>[^>]*) src="(?P<address>[^"]*?{name}[^"]*)"(?P<after>[^>]*)></script>\s*'
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
# The theme asks for light or dark when its script arrives, at the end: until then a dark page would be light. And the
# letters of the first lines are asked for now, not when a style sheet has come; of files a browser refuses that.
EARLY = """<script>(() => {
  const page = document.documentElement.dataset;
  let mode = null;
  try { mode = localStorage.getItem("mode"); } catch {}
  page.mode = mode || "auto";
  const dark = page.mode === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : page.mode === "dark";
  page.theme = dark ? "dark" : "light";
  if (location.protocol !== "file:")
    for (const name of page.letters.split(" ")) {
      const link = document.createElement("link");
      Object.assign(link, { rel: "preload", as: "font", type: "font/woff2", crossOrigin: "anonymous" });
      link.href = new URL(`fonts/${name}.woff2`, document.currentScript.src);
      document.head.append(link);
    }
})();</script>"""
EARLY_DATA = '<link rel="preload" as="script" fetchpriority="low" href="{}">'
SWITCH = '<button type="button" class="ae-code-switch ae-no-print" aria-pressed="false">Show all code</button>'


# The theme asks of each block of code whether it scrolls, and changes it, one after the other. So the page is laid out
# anew for each, a fifth of a second, when it arrives and after every move of a figure. host.js does it once.
SCROLLS = re.compile(r'(function \w+\(\)\{)(?=const \w+=\(\)=>\{document\.querySelectorAll\(\["pre",)')


def quiet_theme(static: Path) -> None:
    """Take out of the theme's script what lays the page out again and again.

    Raises:
        RuntimeError: if it is not there: another version of the theme.
    """
    path = static / "scripts" / "pydata-sphinx-theme.js"
    text = path.read_text("utf-8")
    calm, found = SCROLLS.subn(r"\1return;", text)
    if not found and not re.search(r"\{return;const \w+=\(\)=>", text):  # that of the last build is quiet already
        raise RuntimeError(f"{path.name} must ask what scrolls, as in pydata-sphinx-theme 0.17, got another script")
    path.write_text(calm, "utf-8")


def _script(name: str) -> re.Pattern:
    return re.compile(SCRIPT.format(name=re.escape(name)))


def one_viewport(text: str) -> str:
    """The theme, Sphinx and docutils each write one."""
    text = re.sub(r'\s*<meta name="viewport"[^>]*>', "", text)
    return re.sub(r"(<meta charset=[^>]*>)", rf"\1\n    {VIEWPORT}", text, count=1)


def early(text: str) -> str:
    """Light or dark is settled before anything is drawn, and letters are on their way."""
    letters = "book-sans"
    if "<mjx-container" in text:
        letters += " MathJax_Zero MathJax_Math-Italic MathJax_Main-Regular"
    text = text.replace("<html ", f'<html data-letters="{letters}" ', 1)
    return re.sub(r'<script data-cfasync="false">.*?</script>', lambda _: EARLY, text, count=1, flags=re.DOTALL)


def light_scripts(text: str, static: Path, root: str, searches: bool) -> str:
    """No script stops the page from being drawn; icons and formulas need none; the index is the search page's.

    But for one small file before all others, the options of Sphinx and what the theme sets beside them.
    """
    for name in ("fontawesome.js", *(() if searches else SEARCH)):
        text = _script(name).sub("", text)
    text = re.sub(r'\s*<link rel="preload" as="script"[^>]*>', "", text)
    text = strict(text, static, root)
    first = [found for name in ("documentation_options.js", "page-") if (found := _script(name).search(text))]
    code = ""
    for found in first:
        text = text.replace(found[0], "", 1)
        code += (static / Path(found["address"].partition("?")[0]).name).read_text("utf-8")
    text = re.sub(r"<script (?![^>]*\bdefer\b)(?=[^>]*\bsrc=)", "<script defer ", text)
    own = _script("aebook.js").search(text)
    if own:  # scripts that wait run in their order: the figures first
        text = text.replace(own[0], "", 1)
        place = re.search(r"<script [^>]*\bsrc=", text)
        at = place.start() if place else text.index("</head>")
        text = f"{text[:at]}{own[0].strip()}\n    {text[at:]}"
    return text.replace(VIEWPORT, f'{VIEWPORT}\n    <script src="{root}/{file_of(static, code)}"></script>', 1)


def first_data(text: str) -> str:
    """The data of the first figure come with the page, after what the text needs; those of the others in their time."""
    first = re.search(r'<div class="output ae-embed"[^>]*>', text)
    data = re.search(r' data-needs="([^"]+)"', first[0]) if first else None
    links = [EARLY_DATA.format(address) for address in data[1].split()] if data else []
    return text.replace("</head>", "\n".join([*links, "</head>"]), 1)


def landmark(text: str) -> str:
    """The theme's primary sidebar gets a role and a name, the one landmark it leaves out."""
    sidebar = '<div id="pst-primary-sidebar" '
    return text.replace(f"{sidebar}class", f'{sidebar}role="navigation" aria-label="Book" class')


def boxed_tables(text: str) -> str:
    """Tables scroll in a box of their own."""
    head, article, rest = text.partition('<article class="bd-article">')
    body, end, foot = rest.partition("</article>")

    def box(found: re.Match) -> str:
        return found[0] if "highlighttable" in found[1] else f'<div class="ae-table">{found[0]}</div>'

    return head + article + re.sub(r"<table\b([^>]*)>.*?</table>", box, body, flags=re.DOTALL) + end + foot


def code_switch(text: str) -> str:
    """The switch for all code is there from the beginning: what a script puts under the title moves all below."""
    if not re.search(r'<details class="ae-fold ae-fold-(?:figure|measure|setup)"', text):
        return text
    head, article, rest = text.partition('<article class="bd-article">')
    return head + article + rest.replace("</h1>", f"</h1>\n{SWITCH}", 1)


def mend(text: str, static: Path, root: str, searches: bool = False) -> str:
    """All of it; `root` is the way from the page to the folder `static`."""
    if " data-letters=" in text:  # a page of the last build, which this one left as it was
        return text
    text = code_switch(boxed_tables(landmark(early(one_viewport(text)))))
    return first_data(light_scripts(text, static, root, searches))
