"""The figures that train, in the browser: they learn, what they draw is their model's, and they know when to stop."""

from __future__ import annotations

import re

import numpy as np
import pytest
import safetensors.torch
import torch
from gallery import write_gallery

import aecore as ae
from aelab.figures import TrainAutoencoder, TrainVAE
from aelab.figures.kit.draws import normals
from aelab.figures.kit.trainable import images
from aelab.stills.style import DIGIT_HUES, HUES

from .figure_harness import FigureOnPage

KINDS = {"TrainVAE": TrainVAE, "TrainAutoencoder": TrainAutoencoder}
LABELS = ae.mnist("test")[1][:500].tolist()


def opened(reader, bases, name="TrainVAE", way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), name)


def button(figure, name):
    return figure.embed.get_by_role("button", name=name, exact=True)


def epoch(figure) -> float:
    """That of the last look: the scrubber says it."""
    said = figure.embed.get_by_label("back in time").get_attribute("aria-valuetext") or "epoch 0"
    return float(said.removeprefix("epoch "))


def train(figure, epochs: float) -> None:
    """Press Train, wait for so many epochs, press Pause, and wait for the last look."""
    button(figure, "Train").click()
    button(figure, "Pause").wait_for()
    slider = figure.embed.get_by_label("back in time").element_handle()
    figure.page.wait_for_function(
        "([slider, epochs]) => Number((slider.getAttribute('aria-valuetext') || '').slice(6)) >= epochs",
        arg=[slider, epochs],
        timeout=60_000,
    )
    pause(figure)


def pause(figure) -> None:
    if button(figure, "Pause").count():
        button(figure, "Pause").click()
    settle(figure)


def settle(figure) -> None:
    """Until nothing is drawn any more, and Python was told the weights."""
    figure.page.wait_for_function(
        """(embed) => {
          const now = embed.querySelector('.ae-notes').innerText + embed.aeModel.get('weights').byteLength;
          const same = embed.aeWas === now;
          embed.aeWas = now;
          return same && embed.aeModel.get('weights').byteLength > 0;
        }""",
        arg=figure.embed.element_handle(),
        polling=400,
    )


def model_of(drawn, name):
    """What the page trained, as a model of aecore."""
    traits = {key: value for key, value in drawn.traits.items() if key not in ("given", "weights")}
    figure = KINDS[name](**traits)
    figure.weights = drawn.traits["weights"]
    return figure.trained_model()


def strip(pictures):
    """Eight pictures in a row as the page draws them."""
    padded = np.pad(np.asarray(pictures).reshape(8, 28, 28), ((0, 0), (0, 0), (0, 4)))
    return np.concatenate(padded, axis=1)[:, :-4]


def widest(codes):
    return np.sort(np.argsort(-codes.var(axis=0), kind="stable")[:2])


def same_plane(drawn, codes, wide):
    """The codes of 500 digits, each as its class, in the two dimensions that spread the most."""
    plot = drawn.plot("plane")
    a, b = widest(codes)
    drawn.glyphs("codes", plot, codes[:500, a], codes[:500, b], [HUES[DIGIT_HUES[label]] for label in LABELS])
    plot.label("hint", "ink", "", 0, 0)
    assert plot.x.limits == pytest.approx([wide * end for end in plot.y.limits], rel=1e-2)


@pytest.mark.parametrize("way", ["http", "file"])
def test_a_vae_learns_and_what_is_drawn_is_its_own(light, bases, way):
    figure = opened(light, bases, way=way)
    assert not [url for url in light.requests if "aedata" in url and len(url) > 10_000]
    train(figure, 2)
    drawn = figure.drawn(canvases=True)
    vae, test = model_of(drawn, "TrainVAE"), images("test")
    with torch.no_grad():
        mean, logvar = vae.posterior(test)
        back = vae(test[:8])
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean(dim=0)
        generator = torch.Generator().manual_seed(0)
        draws = torch.stack([vae.elbo_parts(test, generator=generator)["log_prob"].mean() for _ in range(20)])
    same_plane(drawn, mean.numpy(), 1.6)
    drawn.raster("test digits", strip(test[:8]))
    drawn.raster("reconstructed", strip(back))
    with torch.no_grad():
        z = torch.tensor(samples_of(2), dtype=torch.float32)
        new = vae.decode(z).mean
    drawn.raster("drawn from N(0, I)", strip(new[:8]))
    drawn.raster("eight more", strip(new[8:]))
    said = dict((name, text) for name, _, text in drawn.read["numbers"])
    error = float(draws.mean())
    assert number(said["KL term"]) == pytest.approx(float(kl.sum()), abs=0.06)
    assert number(said["ELBO, test"]) == pytest.approx(error - float(kl.sum()), abs=6 * float(draws.std()) + 0.1)
    assert error - float(kl.sum()) > -185, "two epochs should have taught it more"
    bars = drawn.plot("bars")
    bars.bars("KL of each dimension", "purple", [0.5, 1.5, 2.5], kl.numpy())
    log_prob = number(said["ELBO, test"]) + number(said["KL term"])
    for name, value in (("reconstruction", log_prob), ("kl", float(kl.sum()))):
        plot = drawn.plot(name)
        xs, ys = plot.points("test", "blue")
        assert ys[-1] == pytest.approx(value, abs=np.ptp(plot.y.limits) / 40)
        assert xs[0] == pytest.approx(0, abs=0.02)
        assert xs[-1] == pytest.approx(epoch(figure), abs=0.06)
        plot.points("train", "orange")
    assert f"the ELBO on test digits is {said['ELBO, test']} nats" in drawn.say
    assert light.problems == []
    assert [url for url in light.requests if not url.startswith((bases[way], "data:", "blob:"))] == []


def samples_of(latent: int):
    """The codes of the sixteen new images: `dice(0, 5, latent)` of session.js."""
    seed = (0x9E3779B1 ^ ((latent + 1) * 0x85EBCA6B) ^ (6 * 0xC2B2AE35)) & 0xFFFFFFFF
    return normals(seed, 16 * latent).reshape(16, latent)


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "").replace(" %", ""))


def test_an_autoencoder_learns_and_what_is_drawn_is_its_own(light, bases):
    figure = opened(light, bases, "TrainAutoencoder")
    train(figure, 2)
    drawn = figure.drawn(canvases=True)
    model, test = model_of(drawn, "TrainAutoencoder"), images("test")
    with torch.no_grad():
        codes, back = model.encode(test), model(test)
    same_plane(drawn, codes.numpy(), 1.6)
    drawn.raster("test digits", strip(test[:8]))
    drawn.raster("reconstructed", strip(back[:8]))
    said = dict((name, text) for name, _, text in drawn.read["numbers"])
    error = float(ae.squared_error(back, test).mean())
    assert number(said["squared error, test"]) == pytest.approx(error, abs=0.06)
    assert error < 46
    drawn.plot("bars").bars("activity of each unit", "purple", [0.5, 1.5, 2.5], codes.abs().mean(dim=0).numpy())
    _, ys = drawn.plot("error").points("test", "blue")
    assert ys[-1] == pytest.approx(error, abs=np.ptp(drawn.plot("error").y.limits) / 40)
    assert 0 < number(said["noise that comes out"]) < 15
    assert light.problems == []


def test_without_a_constraint_the_copier_appears(light, bases):
    figure = opened(light, bases, "TrainAutoencoder")
    figure.press("numbers in the code", "End")
    train(figure, 2)
    drawn = figure.drawn()
    said = dict((name, text) for name, _, text in drawn.read["numbers"])
    assert number(said["squared error, test"]) < 8
    assert number(said["noise that comes out"]) > 15
    assert "Nothing keeps it from copying" in drawn.say


def test_back_in_time_shows_what_was(light, bases):
    figure = opened(light, bases)
    train(figure, 1)
    last = figure.drawn(canvases=True)
    slider = figure.slider("back in time")
    slider.press("Home")
    figure.embed.get_by_text("Untrained").wait_for()
    settle(figure)
    assert epoch(figure) == 0
    first = figure.drawn(canvases=True)
    slider.press("End")
    figure.embed.get_by_text("Untrained").wait_for(state="detached")
    settle(figure)
    again = figure.drawn(canvases=True)
    assert first.traits["weights"] != last.traits["weights"] == again.traits["weights"], "bit for bit"
    pixels = [[one["pixels"] for one in drawn.read["pictures"]] for drawn in (first, last, again)]
    assert pixels[0] != pixels[1] == pixels[2]


def test_one_step_then_reset(light, bases):
    figure = opened(light, bases)
    before = figure.picture()
    button(figure, "Step").click()
    settle(figure)
    assert epoch(figure) == 0.0
    first = figure.drawn().traits["weights"]
    button(figure, "Step").click()
    figure.page.wait_for_timeout(500)
    settle(figure)
    assert figure.drawn().traits["weights"] != first
    figure.press("β", "End")
    button(figure, "Reset").click()
    figure.page.wait_for_timeout(500)
    assert figure.trait("beta") == 1
    button(figure, "Step").click()
    figure.page.wait_for_timeout(500)
    settle(figure)
    assert figure.drawn().traits["weights"] == first, "the same seed begins the same run"
    assert figure.picture() != before


def test_a_rate_that_is_too_large_is_survived(light, bases):
    figure = opened(light, bases)
    button(figure, "Step").click()
    settle(figure)
    figure.embed.evaluate("(embed) => embed.aeModel.set('rate', 1)")
    figure.choose("planted bug", "sign of the KL term")
    button(figure, "Train").click()
    figure.embed.get_by_text("was no number any more").wait_for(timeout=30_000)
    assert button(figure, "Train").count() == 1
    weights = safetensors.torch.load(figure.drawn().traits["weights"])
    assert all(bool(value.isfinite().all()) for value in weights.values())
    assert light.problems == []


def test_beta_collapses_the_code_under_the_hand(light, bases):
    figure = opened(light, bases)
    train(figure, 1)
    assert number(kl(figure)) > 2
    figure.press("β", "End")
    train(figure, epoch(figure) + 2)
    assert number(kl(figure)) < 0.3
    assert "Collapsed" in figure.readout()


def kl(figure) -> str:
    return dict((name, text) for name, _, text in figure.drawn().read["numbers"])["KL term"]


@pytest.mark.parametrize(
    ("bug", "symptom"),
    [("no gradient through z", "Collapsed"), ("mean over pixels", "too good to be true")],
)
def test_a_planted_bug_shows(light, bases, bug, symptom):
    figure = opened(light, bases)
    figure.choose("planted bug", bug)
    train(figure, 1.5)
    assert symptom in figure.readout()


def test_another_network_begins_and_goes_on(light, bases):
    figure = opened(light, bases)
    train(figure, 3)
    button(figure, "Train").click()
    figure.press("latent dimensions", "ArrowRight")
    figure.embed.get_by_text("All 3 dimensions").wait_for(timeout=15_000)
    pause(figure)
    assert epoch(figure) > 0.2
    assert len(figure.drawn().plot("bars").x.values) == 3


def test_it_stops_out_of_sight(light, bases):
    figure = opened(light, bases)
    button(figure, "Train").click()
    button(figure, "Pause").wait_for()
    figure.page.evaluate("document.body.style.paddingTop = '4000px'; scrollTo(0, 0)")
    figure.embed.get_by_text("out of sight").wait_for(timeout=10_000, state="attached")
    assert button(figure, "Train").count() == 1


def test_without_a_worker_the_page_trains_in_slices(browser, bases):
    from .conftest import Reader

    reader = Reader(browser)
    reader.context.add_init_script("window.Worker = function () { throw new Error('refused'); };")
    figure = opened(reader, bases)
    reader.page.evaluate(
        "() => { window.aeLong = []; new PerformanceObserver((list) => aeLong.push(...list.getEntries().map((e) =>"
        " e.duration))).observe({ type: 'longtask' }); }"
    )
    train(figure, 1)
    assert number(kl(figure)) > 1
    assert reader.problems == []
    reader.context.close()


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_taken_and_another_is_refused(light, bases, name, tmp_path):
    figure = opened(light, bases, name)
    torch.manual_seed(3)
    if name == "TrainVAE":
        model = ae.VAE(ae.mlp([784, 30, 10]), ae.mlp([5, 30, 784]))
    else:
        model = ae.Autoencoder(ae.mlp([784, 30, 5]), ae.mlp([5, 30, 784]))
    good, bad = tmp_path / "mine.safetensors", tmp_path / "other.safetensors"
    safetensors.torch.save_file(model.state_dict(), good)
    safetensors.torch.save_file({"encoder.1.weight": torch.zeros(3, 3), "encoder.1.bias": torch.zeros(3)}, bad)
    files = figure.embed.locator("input[type=file]")
    button(figure, "Step").click()
    settle(figure)
    files.set_input_files(good)
    figure.embed.get_by_text("mine.safetensors is the model now").wait_for()
    assert figure.trait("latent" if name == "TrainVAE" else "width") == 5
    files.set_input_files(bad)
    figure.embed.locator(".ae-error:not([hidden])").wait_for()
    assert 'cannot be used: the model must have "decoder.1.weight"' in figure.error()[0]
    files.set_input_files(good)
    figure.embed.locator(".ae-error:not([hidden])").wait_for(state="detached")
    button(figure, "Step").click()
    figure.page.wait_for_timeout(600)
    settle(figure)
    after = safetensors.torch.load(figure.drawn().traits["weights"])
    for key, value in model.state_dict().items():
        assert (after[key] - value).abs().max() < 2.1e-3, "one step of Adam from the file's weights"


def test_own_images_come_first_and_a_saved_model_is_read(light, bases, tmp_path):
    figure = opened(light, bases)
    ink = np.zeros(784, int)
    ink[300:500] = 255
    (tmp_path / "mine.csv").write_text(",".join(map(str, ink)))
    figure.embed.locator("input[type=file]").set_input_files(tmp_path / "mine.csv")
    figure.embed.get_by_text("Your image stands first").wait_for()
    figure.page.wait_for_timeout(800)
    drawn = figure.drawn(canvases=True)
    drawn.raster("test digits", strip(torch.cat([torch.tensor(ink / 255.0)[None], images("test")[1:8].double()])))
    with figure.page.expect_download() as saved:
        button(figure, "Save the model").click()
    assert saved.value.suggested_filename == "vae.safetensors"
    tensors = safetensors.torch.load_file(saved.value.path())
    ae.VAE(ae.mlp([784, 128, 4]), ae.mlp([2, 128, 784])).load_state_dict(tensors)


def test_data_that_do_not_arrive_are_said_and_asked_for_again(browser, bases):
    from .conftest import Reader

    reader = Reader(browser)
    figure = opened(reader, bases, way="http")
    reader.page.route("**/aedata/*", lambda route: route.abort())
    button(figure, "Train").click()
    figure.embed.locator(".ae-error:not([hidden])").wait_for()
    assert re.search("the digits did not arrive", figure.error()[0])
    reader.page.unroute("**/aedata/*")
    train(figure, 0.2)
    assert figure.error() == []
    reader.context.close()


VARIANTS = [
    *(TrainVAE(breaks=breaks, small=small) for breaks in (False, True) for small in (False, True)),
    *(TrainAutoencoder(main=main, small=small) for main in ("width", "sparsity", "noise") for small in (False, True)),
]


@pytest.mark.parametrize("reader", ["light", "phone"])
def test_every_variant_keeps_its_room(request, reader, tmp_path):
    page = request.getfixturevalue(reader).open(write_gallery(tmp_path, VARIANTS).as_uri())
    for name, count in (("TrainVAE", 4), ("TrainAutoencoder", 6)):
        for nth in range(count):
            FigureOnPage(page, name, nth).check_room()
