"""One source for every colour of the book: still pictures, interactive figures and the page itself.

Six hues in the spirit of Okabe and Ito (2008), told apart with the common colour vision deficiencies, and darkened
(light page) or lightened (dark page) until each has a contrast of at least 4.5 : 1 against its page, so that a label
may carry the colour of its curve.

Example:
    >>> from aecore import style
    >>> style.LIGHT["blue"], style.DARK["blue"]
    ('#0b66a8', '#6cb4f2')
    >>> with style.dark():
    ...     import matplotlib
    ...     matplotlib.rcParams["text.color"] == style.DARK["ink"]
    True
"""

from __future__ import annotations

from contextlib import contextmanager

__all__ = ["DARK", "HUES", "LIGHT", "css", "dark", "light"]

HUES = ("blue", "orange", "green", "purple", "gold", "cyan")
"""The order in which curves take their colours."""

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


def css() -> str:
    """The colours as CSS custom properties (``--ae-ink``, ``--ae-blue``, …): light, and dark where the host is dark.

    Dark is what the book (``html[data-theme=dark]``), JupyterLab, Colab and VS Code say is dark.

    Example:
        >>> "--ae-blue: #0b66a8;" in css()
        True
    """

    def block(selector: str, colours: dict[str, str], scheme: str) -> str:
        lines = "".join(f"  --ae-{name}: {value};\n" for name, value in colours.items())
        return f"{selector} {{\n{lines}  --ae-scheme: {scheme};\n}}\n"

    dark_hosts = (
        'html[data-theme="dark"]',
        '[data-jp-theme-light="false"]',
        'html[theme="dark"]',
        'body[data-vscode-theme-kind="vscode-dark"]',
    )
    return block(":root", LIGHT, "light") + block(",\n".join(dark_hosts), DARK, "dark")


def _rc(colours: dict[str, str]) -> dict:
    from matplotlib import cycler

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
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.labelsize": 10.5,
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
        "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same pictures on every machine
        "font.size": 10.5,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelsize": 9.5,
        "ytick.labelsize": 9.5,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "xtick.major.width": 0.8,
        "ytick.major.width": 0.8,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "patch.edgecolor": surface,
        "legend.frameon": False,
        "legend.fontsize": 10,
        "image.cmap": "viridis",
        "image.interpolation": "nearest",
        "svg.fonttype": "path",
        "svg.hashsalt": "aecore",
    }


@contextmanager
def _style(colours: dict[str, str]):
    import matplotlib

    with matplotlib.rc_context(_rc(colours)):
        yield colours


def light():
    """matplotlib's settings for a light page, as a context manager that hands over the colours.

    Example:
        >>> with light() as colours:
        ...     colours["surface"]
        '#ffffff'
    """
    return _style(LIGHT)


def dark():
    """matplotlib's settings for a dark page, as a context manager that hands over the colours.

    Example:
        >>> with dark() as colours:
        ...     colours["surface"]
        '#14181d'
    """
    return _style(DARK)
