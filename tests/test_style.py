"""The colours: readable on their page, and one colormap from paper to ink."""

import re
from pathlib import Path

import matplotlib
import pytest
from contrast import contrast
from matplotlib.colors import to_hex

from aelab import figures
from aelab.stills import style

THEMES = {"light": (style.light, style.LIGHT), "dark": (style.dark, style.DARK)}


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "muted", *style.HUES])
def test_every_hue_can_carry_text_on_its_page(colours, name):
    assert contrast(colours[name], colours["surface"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_a_style_hands_over_its_colours_and_is_switched_off_again(theme):
    switch, colours = THEMES[theme]
    before = matplotlib.rcParams["text.color"]
    with switch() as found:
        assert found == colours
        assert matplotlib.rcParams["text.color"] == colours["ink"]
        assert matplotlib.rcParams["figure.facecolor"] == matplotlib.rcParams["savefig.facecolor"] == colours["surface"]
        assert [to_hex(f"C{place}") for place in range(6)] == [colours[hue] for hue in style.HUES]
    assert matplotlib.rcParams["text.color"] == before


@pytest.mark.parametrize("theme", THEMES)
def test_the_ink_colormap_goes_from_paper_to_ink(theme):
    switch, colours = THEMES[theme]
    with switch():
        ink, blue = style.ink_colormap(), style.ink_colormap("C0")
    assert [to_hex(ink(value)) for value in (0.0, 1.0)] == [colours["raised"], colours["ink"]]
    assert [to_hex(blue(value)) for value in (0.0, 1.0)] == [colours["raised"], colours["blue"]]
    assert to_hex(ink(0.5)) not in (colours["raised"], colours["ink"])
    assert ink(float("nan"))[3] == 0  # gaps between pictures are clear


def test_outside_a_style_the_ink_colormap_has_matplotlibs_colours():
    with matplotlib.rc_context({"figure.facecolor": "#abcdef", "text.color": "#123456"}):
        assert [to_hex(style.ink_colormap()(value)) for value in (0.0, 1.0)] == ["#abcdef", "#123456"]


@pytest.mark.parametrize("hue", ["inkish", 7, ""])
def test_a_hue_that_is_none_is_refused(hue):
    with pytest.raises(ValueError, match="hue must be a colour of matplotlib, got"):
        style.ink_colormap(hue)


def test_digits_that_codes_put_side_by_side_have_different_colours():
    hues = style.DIGIT_HUES
    assert len(hues) == 10
    assert set(hues) == set(range(len(style.HUES)))
    for neighbours in ((4, 7, 9), (3, 5, 8), (0, 6)):
        assert len({hues[digit] for digit in neighbours}) == len(neighbours)


def test_the_style_sheet_has_every_colour_of_both_themes():
    css = style.css()
    light, dark = css.split("}\n")[:2]
    for block, colours in ((light, style.LIGHT), (dark, style.DARK)):
        assert dict(re.findall(r"--ae-(\w+): (#\w+);", block)) == colours
    assert "--ae-scheme: light" in light
    assert "--ae-scheme: dark" in dark
    for host in ("data-theme", "data-jp-theme-light", 'theme="dark"', "data-vscode-theme-kind"):
        assert host in dark
        assert host not in light


NAMED = re.compile(r'name: "(PCA|autoencoder|VAE|prior|posterior|q)", hue: "(\w+)"')
WRITTEN = re.compile(r'text\("(PCA|autoencoder|VAE|prior|posterior|q)", "(\w+)"\)')


def test_a_thing_has_one_colour_in_still_and_live_figures():
    sources = [path.read_text("utf-8") for path in Path(figures.__file__).parent.glob("*.js")]
    found = {pair for text in sources for pattern in (NAMED, WRITTEN) for pair in pattern.findall(text)}
    assert {name for name, _ in found} >= {"PCA", "autoencoder", "prior", "posterior", "q"}
    assert [f"{name} is {hue}" for name, hue in sorted(found) if style.THINGS[name] != hue] == []
