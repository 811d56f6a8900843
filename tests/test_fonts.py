"""The letters of still pictures: those of the page where their package is, matplotlib's own elsewhere."""

import pytest
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from aelab.stills import fonts, style


@pytest.fixture
def anew(tmp_path, monkeypatch):
    """No font has been made yet; what is made lies in a folder of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fonts.families.cache_clear()
    known = list(font_manager.fontManager.ttflist)
    yield tmp_path
    font_manager.fontManager.ttflist[:] = known
    fonts.families.cache_clear()


def test_the_regular_weight_is_made_once_under_a_name_of_its_own(anew):
    assert fonts.families() == ["Book Sans", "DejaVu Sans"]
    (made,) = anew.rglob("*.ttf")
    font = FT2Font(str(made))
    assert (font.family_name, font.style_name) == ("Book Sans", "Regular")
    assert {ord(letter) for letter in "Aρ\u0302σ²½→∞≤−₁"} <= set(font.get_charmap())
    before = made.stat().st_mtime_ns
    fonts.families.cache_clear()
    fonts.families()
    assert made.stat().st_mtime_ns == before


def test_its_letters_are_not_the_thinnest(anew):
    fonts.families()
    (made,) = anew.rglob("*.ttf")
    regular, thin = FT2Font(str(made)), FT2Font(str(fonts.package() / "files" / "SourceSans3[wght].ttf"))
    width = []
    for font in (regular, thin):
        font.set_size(100, 72)
        width.append(font.load_char(ord("m")).width)
    assert width[0] > 1.02 * width[1]


@pytest.mark.parametrize("reason", ["no package", "no folder"])
def test_pictures_do_without_it(anew, monkeypatch, reason):
    def missing():
        raise ImportError("fontpkg-source-sans-3 must be installed")

    if reason == "no package":
        monkeypatch.setattr(fonts, "package", missing)
    else:
        (anew / "aecore").write_text("a file where the folder would be", "utf-8")
    assert fonts.families() == ["DejaVu Sans"]
    with style.light():
        pass


def test_the_same_thing_has_the_same_colour_in_every_picture():
    with style.light():
        assert style.hues(["autoencoder", "PCA"]) == ["C1", "C0"]
        assert style.hues(["PCA", "autoencoder", "raw pixels"]) == ["C0", "C1", "C2"]
        assert style.hues(["a", "b"]) == ["C0", "C1"]
        assert style.hues(["prior", "posterior (exact)"]) == [style.LIGHT["muted"], style.LIGHT["ink"]]
        assert len(set(style.hues([str(i) for i in range(8)]))) == 8
