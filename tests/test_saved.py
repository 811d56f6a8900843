"""What a notebook keeps of a figure when it is saved: a picture with its words, before the live widget."""

import base64
import io
import re

import pytest
from bs4 import BeautifulSoup
from figure_samples import sparse
from PIL import Image

from aelab import figures, quizzes
from aelab.figures.kit.base import MIME
from aelab.figures.kit.saved import SAVED, saved

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def outputs(monkeypatch):
    """What a notebook gets of a figure, output by output."""

    def given(shown) -> list[dict]:
        found = []
        monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata=None: found.append(data))
        shown._ipython_display_()
        return found

    return given


@pytest.mark.parametrize(
    "make", [figures.BernoulliKL, sparse, figures.Frames.example], ids=["curves", "pictures", "frames"]
)
def test_a_picture_with_its_words_and_a_light_ground(make):
    figure = make()
    image = BeautifulSoup(saved(figure)["text/html"], "html.parser").select_one(".ae-saved img")
    assert image["alt"] == figure.sentence()
    data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert len(data) < 100_000
    with Image.open(io.BytesIO(data)) as png:
        assert png.width == pytest.approx(2 * int(image["width"]), abs=2)
        assert png.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


def test_first_the_picture_then_the_live_figure(outputs):
    figure = figures.BernoulliKL(rho=0.3)
    picture, live = outputs(figure)
    assert set(picture) == {"text/plain", "text/html", SAVED}
    assert picture["text/plain"] == repr(figure)
    assert set(live) == {WIDGET, MIME}
    assert live[MIME]["state"]["rho"] == 0.3


def test_of_questions_it_is_the_questions(outputs):
    picture, _ = outputs(quizzes.quiz("06"))
    assert len(BeautifulSoup(picture["text/html"], "html.parser").select("ol.ae-questions > li")) == 9


def test_a_live_figure_knows_its_picture_and_no_other():
    one, other = figures.BernoulliKL(), figures.BernoulliKL()
    names = [re.search('data-saved="([0-9a-f]{32})"', saved(figure)["text/html"])[1] for figure in (one, other)]
    assert names == [one._saved, other._saved]
    assert names[0] != names[1]
    assert one.traits()["_saved"].metadata["sync"]
