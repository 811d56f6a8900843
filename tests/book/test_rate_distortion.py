"""RateDistortion: real files in Python, PSNR of the page against aecore's, and the comparison under the hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import RateDistortion
from aecore.widgets.rate_distortion import QUALITIES

from .figure_harness import FigureOnPage, call_module_function

DEEP, LINEAR = "deep, 64 numbers", "linear, 784 numbers"


@pytest.fixture(scope="module")
def digits():
    return ae.mnist("test")[0][:300]


@pytest.fixture(scope="module")
def codecs(digits):
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([784, 8]), ae.mlp([8, 784], out_shape=(1, 28, 28)))
    return [ae.Codec(model, digits, step) for step in (0.5, 0.2, 0.05)]


@pytest.fixture(scope="module")
def small(digits, codecs):
    return RateDistortion(digits[:3], ["a 7", "a 2", "a 1"], {"first": codecs, "second": codecs[::-1]})


def put(figure, **traits):
    figure.embed.evaluate(
        "(embed, traits) => Object.entries(traits).forEach(([name, v]) => embed.aeModel.set(name, v))", traits
    )


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "RateDistortion")
    figure.check_slider("JPEG quality")
    figure.check_slider("bytes of the code")
    figure.check_reset()
    figure.check_latency("JPEG quality")
    figure.check_latency("bytes of the code")
    figure.check_choice("picture")
    figure.check_choice("autoencoder")
    assert figure.trait("codec") == LINEAR
    figure.check_reset()
    assert [figure.trait(name) for name in ("picture", "codec", "headers")] == [0, DEEP, False]
    assert [problem for problem in light.problems if "404" not in problem] == []


def test_headers_count_for_jpeg_and_png_and_matched_bytes_are_the_nearest(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "RateDistortion")
    files, words = figure.trait("files"), lambda: figure.embed.locator(".ae-tile-name").all_inner_texts()
    whole, payload = files["png"][0]
    assert words()[0].startswith(f"{payload} bytes")
    figure.embed.get_by_label("count headers").check()
    assert words()[0].startswith(f"{whole} bytes")
    assert words()[1].startswith(f"{files['jpeg'][0][0][0]} bytes")
    put(figure, headers=False, quality=10, codec=LINEAR, picture=3)
    figure.embed.get_by_role("button", name="Match bytes").click()
    sizes, target = [row[3] for row in files["learned"][LINEAR]], files["jpeg"][QUALITIES.index(10)][3][1]
    assert figure.trait("size") == np.abs(np.log(np.array(sizes) / target)).argmin()
    assert f"{sizes[figure.trait('size')]} bytes by the autoencoder, {target} by JPEG" in figure.readout()


def test_keeps_its_room_for_every_picture(light, phone, bases):
    for reader in (light, phone):
        figure = FigureOnPage(reader.open(bases["file"] + "figures.html"), "RateDistortion")
        for picture in (0, 4):
            put(figure, picture=picture, headers=True, codec=LINEAR, quality=95)
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_opens_on_fewer_bytes_and_a_better_picture_and_clothes_turn_it(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "RateDistortion")
    assert "dB better. The autoencoder wins on both." in figure.readout()
    put(figure, picture=4, quality=40)
    assert "dB worse. Fewer bytes, a worse picture." in figure.readout()
    put(figure, quality=1, size=9)
    assert "dB worse. JPEG wins on both." in figure.readout()


def test_parity_of_psnr(gallery):
    pairs = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (100, 2, 784)))
    pairs[:30] = pairs[:30] // 32 * 8  # closer ones too
    got = call_module_function(gallery, "RateDistortion", "psnr", pairs.tolist())
    a, b = (pairs.double() / 255).unbind(dim=1)
    np.testing.assert_allclose(got, ae.psnr(a, b).numpy(), rtol=1e-12)
    assert call_module_function(gallery, "RateDistortion", "psnr", [[[7] * 784] * 2]) == [np.inf]


def test_parity_of_nearest(gallery):
    random = np.random.default_rng(0)
    calls = [[np.sort(random.uniform(2, 600, 10)).tolist(), random.uniform(2, 600)] for _ in range(100)]
    got = call_module_function(gallery, "RateDistortion", "nearest", calls)
    assert got == [int(np.abs(np.log(np.array(sizes) / size)).argmin()) for sizes, size in calls]


def test_the_page_says_the_numbers_of_the_figure(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "RateDistortion")
    ours = RateDistortion.example()  # from the cache
    for traits in ({"picture": 0}, {"picture": 3, "codec": LINEAR, "quality": 40, "size": 6, "headers": True}):
        put(figure, **traits)
        for name, value in traits.items():
            setattr(ours, name, value)
        shown = figure.embed.locator(".ae-tile-name").all_inner_texts()
        (png, _), *rest = ours.points().values()
        assert shown[0].split("\n")[0] == f"{png} bytes"
        assert [words.split("\n") for words in shown[1:]] == [[f"{n} bytes", f"{db:.1f} dB"] for n, db in rest]


# In Python


def test_bytes_are_those_of_real_files_and_pictures_are_read_back(small, digits, codecs):
    for quality, size, codec, headers in ((1, 0, "first", True), (50, 2, "first", False), (95, 1, "second", True)):
        for picture in range(3):
            small.set_trait("picture", picture), small.set_trait("quality", quality), small.set_trait("size", size)
            small.set_trait("codec", codec), small.set_trait("headers", headers)
            x = digits[picture : picture + 1]
            (usual,), (own,) = (ae.write_pictures(x, quality=quality, own_tables=own) for own in (False, True))
            learned = codecs[size] if codec == "first" else codecs[::-1][size]
            (code,), (png,) = learned.encode(x), ae.write_pictures(x, "PNG")
            points = small.points()
            assert points["PNG"] == (len(png) if headers else ae.payload_size(png), np.inf)
            assert points["JPEG"][0] == (len(own) if headers else ae.payload_size(usual))
            assert points["JPEG"][1] == pytest.approx(ae.psnr(ae.read_pictures([usual]), x).item(), abs=1e-4)
            assert points[codec][0] == len(code)
            assert points[codec][1] == pytest.approx(ae.psnr(learned.decode([code]), x).item(), abs=1e-4)


def test_the_still_picture_and_its_sentence(small):
    for headers in (True, False):
        small.headers = headers
        assert len(small.draw().axes) == 4
        assert f"{small.points()['JPEG'][0]} bytes" in small.sentence()
        assert ("without headers" in small.sentence()) is not headers


def test_shows_other_codecs_of_the_same_pictures(digits, codecs):
    figure = RateDistortion(digits[:2], ["a 7", "a 2"], {"row": codecs}, picture=1, size=1, quality=30)
    figure.show({"row": codecs[::-1]})
    fresh = RateDistortion(digits[:2], ["a 7", "a 2"], {"row": codecs[::-1]}, picture=1, size=1, quality=30)
    assert (figure.files, figure.pixels) == (fresh.files, fresh.pixels)
    assert (figure.picture, figure.size, figure.quality) == (1, 1, 30)
    for bad in ({"other": codecs}, {"row": codecs[:2]}, {"row": codecs, "more": codecs}):
        with pytest.raises(ValueError, match="codecs: got"):
            figure.show(bad)


@pytest.mark.parametrize(
    ("trait", "bad"), [("picture", 3), ("picture", -1), ("quality", 7), ("size", 3), ("codec", "third"), ("headers", 2)]
)
def test_refuses_by_name(small, trait, bad):
    with pytest.raises(traitlets.TraitError, match=trait):
        setattr(small, trait, bad)


def test_refuses_pictures_and_codecs_of_another_number(digits, codecs):
    for bad in (digits[:3], digits[:2, :, :9]):
        with pytest.raises(ValueError, match="pictures: got"):
            RateDistortion(bad, ["a 7", "a 2"], {"first": codecs})
    for rows in ({}, {"a": []}, {"a": codecs, "b": codecs[:1]}, {"a": codecs, "b": codecs, "c": codecs}):
        with pytest.raises(ValueError, match="codecs: got"):
            RateDistortion(digits[:2], ["a 7", "a 2"], rows)
    with pytest.raises(ValueError, match="images"):
        RateDistortion(digits[:1] + 1, ["a 7"], {"first": codecs})
    with pytest.raises(TypeError, match="got 'rate', takes"):
        RateDistortion(digits[:1], ["a 7"], {"first": codecs}, rate=1)
