"""RateDistortion: real files in Python, PSNR of the page against aecore's, and the comparison under the hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aelab.figures import RateDistortion
from aelab.figures.rate_distortion import QUALITIES

from .drawn import fmt
from .figure_harness import FigureOnPage

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
    put(figure, picture=3, quality=1, size=9)
    assert "dB worse. JPEG wins on both." in figure.readout()


STATES = {
    "as it opens": ({}, []),
    "best of both, linear": ({"codec": LINEAR}, [("JPEG quality", "End"), ("bytes of the code", "End")]),
    "worst of both, with headers": ({"picture": 4, "headers": True}, [("bytes of the code", "Home")]),
    "a boot": ({"picture": 3}, [("JPEG quality", "PageUp"), ("bytes of the code", "PageDown")]),
}


@pytest.mark.parametrize("state", STATES)
def test_draws_what_aecore_computes(gallery, state):
    figure, (traits, moves) = FigureOnPage(gallery, "RateDistortion"), STATES[state]
    figure.start()
    put(figure, **traits)
    for label, *keys in moves:
        figure.press(label, *keys)
    drawn = figure.drawn(canvases=True)
    has, rows = drawn.traits, list(drawn.traits["files"]["learned"])
    picture, which, files = has["picture"], 0 if has["headers"] else 1, has["files"]
    jpeg = [sizes[picture][which] for sizes in files["jpeg"]]
    learned = {name: [sizes[picture] for sizes in files["learned"][name]] for name in rows}
    pixels = torch.from_numpy(np.frombuffer(has["pixels"], np.uint8).reshape(-1, len(has["names"]), 28, 28) / 255)
    decibels = ae.psnr(pixels[1:, picture], pixels[:1, picture].expand_as(pixels[1:, picture])).tolist()
    first, many = len(jpeg), len(learned[DEEP])
    ys = {"JPEG": decibels[:first], DEEP: decibels[first : first + many], LINEAR: decibels[first + many :]}
    png, quality, own = files["png"][picture][which], QUALITIES.index(has["quality"]), has["codec"]

    plot = drawn.plot("decibels", x="log")
    assert plot.x.limits == pytest.approx((2, 1000), rel=0.01)
    for name, hue, xs in (("JPEG", "orange", jpeg), (DEEP, "blue", learned[DEEP]), (LINEAR, "green", learned[LINEAR])):
        plot.line(name, hue, xs, ys[name])
        plot.dots(f"all of {name}", hue, xs, ys[name])
        at = {"JPEG": first - 2, DEEP: (many - 1) // 2, LINEAR: 0}[name]
        plot.label(name, hue, name.split(",")[0], xs[at], ys[name][at], within=30)
    plot.rule("PNG", "muted", x=png)
    plot.label("PNG", "muted", "PNG", png, 8)
    chosen = (jpeg[quality], ys["JPEG"][quality]), (learned[own][has["size"]], ys[own][has["size"]])
    plot.dot("JPEG", "orange", *chosen[0])
    plot.dot(own, "blue" if own == DEEP else "green", *chosen[1])

    shown = pixels[[0, 1 + quality, 1 + first + rows.index(own) * many + has["size"]], picture]
    for name, image in zip(("PNG", "JPEG", "learned"), shown, strict=True):
        drawn.raster(name, image)
    for name, image in zip(has["names"], pixels[0], strict=True):
        drawn.raster(name, image)
    said = figure.embed.locator(".ae-tile-name").all_inner_texts()
    assert said == [f"{png} bytes\nno loss", *(f"{size} bytes\n{fmt(db, 1)} dB" for size, db in chosen)]
    drawn.slider("JPEG quality", quality, str(has["quality"]))
    drawn.slider("bytes of the code", has["size"], str(chosen[1][0]))
    better = chosen[1][1] - chosen[0][1]
    assert f"{fmt(abs(better), 1)} dB {'worse' if better < 0 else 'better'}" in drawn.say
    drawn.complete()


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
        with pytest.raises(ValueError, match="codecs must be"):
            figure.show(bad)


@pytest.mark.parametrize(
    ("trait", "bad"), [("picture", 3), ("picture", -1), ("quality", 7), ("size", 3), ("codec", "third"), ("headers", 2)]
)
def test_refuses_by_name(small, trait, bad):
    with pytest.raises(traitlets.TraitError, match=trait):
        setattr(small, trait, bad)


def test_refuses_pictures_and_codecs_of_another_number(digits, codecs):
    for bad in (digits[:3], digits[:2, :, :9]):
        with pytest.raises(ValueError, match=r"(pictures|names) must"):
            RateDistortion(bad, ["a 7", "a 2"], {"first": codecs})
    for rows in ({}, {"a": []}, {"a": codecs, "b": codecs[:1]}, {"a": codecs, "b": codecs, "c": codecs}):
        with pytest.raises(ValueError, match="codecs must be"):
            RateDistortion(digits[:2], ["a 7", "a 2"], rows)
    with pytest.raises(ValueError, match="pictures must be in"):
        RateDistortion(digits[:1] + 1, ["a 7"], {"first": codecs})
    with pytest.raises(TypeError, match=r"traits must be among .*, got 'rate'"):
        RateDistortion(digits[:1], ["a 7"], {"first": codecs}, rate=1)
