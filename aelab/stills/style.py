"""One source for every colour of the book: still pictures, interactive figures and the page itself.

Six hues in the spirit of Okabe and Ito (2008), told apart with the common colour vision deficiencies, and darkened
(light page) or lightened (dark page) until each has a contrast of at least 4.5 : 1 against its page, so that a label
may carry the colour of its curve.

Example:
    >>> from aelab.stills import style
    >>> style.LIGHT["blue"], style.DARK["blue"]
    ('#0b66a8', '#6cb4f2')
    >>> with style.dark():
    ...     import matplotlib
    ...     matplotlib.rcParams["text.color"] == style.DARK["ink"]
    True
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # matplotlib takes long to import, and the style sheet of the figures does without
    from matplotlib.colors import LinearSegmentedColormap

__all__ = ["DARK", "DIGIT_HUES", "HUES", "LIGHT", "THINGS", "css", "dark", "hues", "ink_colormap", "light"]

HUES = ("blue", "orange", "green", "purple", "gold", "cyan")
"""The order in which curves take their colours: `"C0"` is the first."""

DIGIT_HUES = (0, 0, 2, 3, 2, 5, 4, 3, 1, 4)
"""For each digit the place of its colour in `HUES`: digits that autoencoders put side by side (4 7 9, 3 5 8, 0 6)
never share one."""

LIGHT = {
    "ink": "#1c2229",
    "muted": "#5c6670",
    "grid": "#dfe3e8",
    "surface": "#ffffff",
    "raised": "#f5f6f8",
    "blue": "#0b66a8",
    "orange": "#c24a00",
    "green": "#00785a",
    "purple": "#9a4689",
    "gold": "#8a6200",
    "cyan": "#127a94",
}
DARK = {
    "ink": "#e6e9ed",
    "muted": "#a0a9b3",
    "grid": "#343b44",
    "surface": "#14181d",
    "raised": "#1d2329",
    "blue": "#6cb4f2",
    "orange": "#ff9057",
    "green": "#48c99d",
    "purple": "#de93cb",
    "gold": "#e2b44a",
    "cyan": "#63cbe0",
}


THINGS = {"PCA": "blue", "autoencoder": "orange", "VAE": "green", "prior": "muted", "posterior": "ink", "q": "blue"}
"""What has one colour in all pictures, still and live; a name counts up to its first comma or bracket."""


def hues(names: Iterable[str]) -> list[str]:
    """For each name its colour in matplotlib's words: its own if the book gives it one, else the next that is free.

    Example:
        >>> hues(["copier", "autoencoder, 10 numbers", "PCA"])
        ['C2', 'C1', 'C0']
    """
    from matplotlib import rcParams

    kept = [THINGS.get(re.split(r"[,(]", name)[0].strip()) for name in names]
    free = (f"C{place}" for place, hue in enumerate(cycle(HUES)) if place >= len(HUES) or hue not in kept)
    plain = {"ink": str(rcParams["text.color"]), "muted": str(rcParams["xtick.color"])}
    return [next(free) if hue is None else plain[hue] if hue in plain else f"C{HUES.index(hue)}" for hue in kept]


def ink_colormap(hue: str | None = None) -> LinearSegmentedColormap:
    """From paper to ink in the colours of the style that is switched on: digits look printed, light or dark.

    Args:
        hue: the colour of 1, as matplotlib names colours; the colour of text if left out.

    Returns:
        A matplotlib colormap from 0 (paper) to 1 (ink). Outside `light` and `dark`, in matplotlib's own colours.

    Raises:
        ValueError: if `hue` names no colour.

    Example:
        >>> from matplotlib.colors import to_hex
        >>> with dark() as colours:
        ...     to_hex(ink_colormap()(0.0)) == colours["raised"]
        True
    """
    from matplotlib import rcParams
    from matplotlib.colors import LinearSegmentedColormap, is_color_like

    ink = rcParams["text.color"] if hue is None else hue
    if not is_color_like(ink):
        raise ValueError(f"hue must be a colour of matplotlib, got {hue!r}")
    surface = rcParams["figure.facecolor"]
    raised = {colours["surface"]: colours["raised"] for colours in (LIGHT, DARK)}
    return LinearSegmentedColormap.from_list("ink", [raised.get(surface, surface), ink])


def css() -> str:
    """The colours as CSS custom properties (`--ae-ink`, `--ae-blue`, …): light, and dark where the host is dark.

    Dark is what the book (`html[data-theme=dark]`), JupyterLab, Colab and VS Code say is dark; where the system forces
    its colours, what the system says. There nothing is muted, and a line of the grid is as clear as an axis.

    Example:
        >>> "--ae-blue: #0b66a8;" in css()
        True
    """

    def block(selector: str, colours: dict[str, str], force: str = "") -> str:
        lines = "".join(f"  --ae-{name}: {value}{force};\n" for name, value in colours.items())
        return f"{selector} {{\n{lines}}}\n"

    def forced(scheme: str, colours: dict[str, str]) -> str:
        clear = {**colours, "muted": colours["ink"], "grid": colours["muted"]}
        inside = block(":root, :host, body", clear, " !important")
        return f"@media (forced-colors: active) and (prefers-color-scheme: {scheme}) {{\n{inside}}}\n"

    dark_hosts = (
        'html[data-theme="dark"]',
        '[data-jp-theme-light="false"]',
        'html[theme="dark"]',
        'body[data-vscode-theme-kind="vscode-dark"]',
        'body[data-vscode-theme-kind="vscode-high-contrast"]',
    )
    light = block(":root, :host", {**LIGHT, "scheme": "light"})  # :host: marimo shows a figure in a shadow root
    dark = block(",\n".join(dark_hosts), {**DARK, "scheme": "dark"})
    return light + dark + forced("light", LIGHT) + forced("dark", DARK)


def _rc(colours: dict[str, str]) -> dict[Any, Any]:
    from matplotlib.rcsetup import cycler

    from aelab.stills.fonts import FALLBACK, families

    letters = families()
    ink, muted, grid, surface = (colours[name] for name in ("ink", "muted", "grid", "surface"))
    return {
        "figure.figsize": (7.2, 3.4),
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
        "figure.facecolor": surface,
        "savefig.facecolor": surface,
        "savefig.edgecolor": "none",
        "axes.facecolor": "none",
        "axes.edgecolor": muted,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.titlesize": 12.5,
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.labelsize": 12,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": False,
        "axes.prop_cycle": cycler(color=[colours[hue] for hue in HUES]),
        "grid.color": grid,
        "grid.linewidth": 0.6,
        "text.color": ink,
        "font.family": "sans-serif",
        "font.sans-serif": letters,
        "font.size": 12,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "xtick.major.width": 0.8,
        "ytick.major.width": 0.8,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "patch.edgecolor": surface,
        "legend.frameon": False,
        "legend.fontsize": 11.5,
        "image.cmap": "viridis",
        "image.interpolation": "nearest",
        "mathtext.fontset": "custom" if len(letters) > 1 else "dejavusans",
        "mathtext.rm": letters[0],
        "mathtext.it": letters[0],
        "mathtext.cal": letters[0],
        "mathtext.bf": f"{FALLBACK}:bold",
        "mathtext.bfit": f"{FALLBACK}:bold:italic",
        "mathtext.fallback": "stixsans",
        "svg.fonttype": "path",
        "svg.hashsalt": "aecore",
    }


@contextmanager
def _style(colours: dict[str, str]) -> Iterator[dict[str, str]]:
    import matplotlib

    with matplotlib.rc_context(_rc(colours)):
        yield colours


def light() -> AbstractContextManager[dict[str, str]]:
    """matplotlib's settings for a light page, as a context manager that hands over its colours by name.

    Example:
        >>> with light() as colours:
        ...     colours["surface"]
        '#ffffff'
    """
    return _style(LIGHT)


def dark() -> AbstractContextManager[dict[str, str]]:
    """matplotlib's settings for a dark page, as a context manager that hands over its colours by name.

    Example:
        >>> with dark() as colours:
        ...     colours["surface"]
        '#14181d'
    """
    return _style(DARK)
