"""Two nodes, a still picture and a live figure, and the HTML they become."""

from __future__ import annotations

import json
import posixpath
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

from docutils import nodes as base
from scour import scour

from aelab.figures.kit.assets import ASSETS

PICTURE = "application/x-aecore-picture+json"
FIGURE = "application/x-aecore-figure+json"
SAVED = "application/x-aecore-saved+json"
# A third of matplotlib's SVG is digits below a hundredth of a pixel, names that nothing refers to, and line breaks.
SLIM = scour.parse_args(
    [
        "--set-precision=5",
        "--strip-xml-prolog",
        "--remove-metadata",
        "--enable-comment-stripping",
        "--enable-id-stripping",
        "--shorten-ids",
        "--no-line-breaks",
    ]
)
BIG = 20_000  # characters of base64 from which a buffer gets a file of its own, shared by all pages


class aebook_picture(base.Element):
    """A still picture: SVG for light, SVG for dark, the words that stand for it."""


class aebook_figure(base.Element):
    """An interactive figure: its module, its state, and the picture that stands for it."""


def slim(svg: str) -> str:
    """The same picture in fewer bytes."""
    return str(scour.scourString(svg, SLIM))


def _once(folder: Path, content: str, suffix: str) -> str:
    name = sha256(content.encode()).hexdigest()[:24] + suffix
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / name).exists():
        (folder / name).write_text(slim(content) if suffix == ".svg" else content, "utf-8")
    return name


def picture_html(data: dict, site: Path, root: str, modes=("light", "dark")) -> str:
    """The images, named by their hash in ``_images`` of ``site``; the theme shows the one that fits."""
    parts = []
    for mode in modes:
        name = _once(site / "_images", data[mode], ".svg")
        parts.append(
            f'<img class="only-{mode} ae-picture" alt="{escape(data["alt"])}" loading="lazy" '
            f'src="{root}/_images/{name}" width="{data["width"]}" height="{data["height"]}">'
        )
    return "".join(parts)


def _data(text: str, site: Path, root: str) -> tuple[str, str]:
    """Bytes in base64 as a script: their name in the page, and its address."""
    key = sha256(text.encode()).hexdigest()[:24]
    script = f'(window.aeData ??= {{}})["{key}"] = "{text}";\n'
    return key, f"{root}/_static/aedata/{_once(site / '_static' / 'aedata', script, '.js')}"


def figure_html(payload: dict, site: Path, root: str) -> str:
    """The figure's state, and the place where it is mounted, in which a picture and a sentence stand until it is.

    Large buffers are in scripts of their own, which `data-needs` names: the host asks for them when it is time.
    """
    needs: list[str] = []

    def lighten(value):
        if isinstance(value, dict):
            if set(value) == {"$bytes"} and len(value["$bytes"]) > BIG:
                key, address = _data(value["$bytes"], site, root)
                needs.append(address)
                return {"$data": key}
            return {key: lighten(item) for key, item in value.items()}
        return [lighten(item) for item in value] if isinstance(value, list) else value

    state = json.dumps(lighten(payload["state"]), ensure_ascii=False).replace("<", "\\u003c")
    wide, narrow = payload["height"]
    picture = payload["picture"]
    still = picture.get("html") or f'<div class="ae-still">{picture_html(picture, site, root)}</div>'
    moves = "your answers are checked here" if "html" in picture else "this figure moves under your hand"
    sentence = f'{escape(picture["alt"])}<span class="ae-no-print"> With JavaScript, {moves}.</span>'
    later = {name: _data(b64encode(ASSETS[name]()).decode(), site, root) for name in payload.get("assets", ())}
    kept = f"data-assets='{escape(json.dumps(later))}' " if later else ""
    asked = f'data-needs="{" ".join(dict.fromkeys(needs))}" ' if needs else ""
    return (
        f'<div class="output ae-embed" data-module="{escape(payload["module"])}" {asked}{kept}'
        f'style="--ae-wide:{wide}px;--ae-narrow:{narrow}px"><script type="application/json">{state}</script>'
        f'<div class="ae-mount"><div class="ae-stand">{still}<p class="ae-sentence">{sentence}</p></div></div></div>\n'
    )


def _place(translator) -> tuple[Path, str]:
    """The folder of the site, and the way to it from the page that is written."""
    builder = translator.builder
    return Path(builder.outdir), posixpath.relpath(".", posixpath.dirname(builder.current_docname) or ".")


def visit_picture(self, node) -> None:
    self.body.append(f'<div class="output ae-still">{picture_html(node["payload"], *_place(self))}</div>\n')
    raise base.SkipNode


def visit_figure(self, node) -> None:
    self.body.append(figure_html(node["payload"], *_place(self)))
    raise base.SkipNode


def skip(self, node) -> None:
    raise base.SkipNode


def setup(app) -> None:
    for node, visit in ((aebook_picture, visit_picture), (aebook_figure, visit_figure)):
        app.add_node(node, html=(visit, None), latex=(skip, None), text=(skip, None), man=(skip, None))
