"""What the figures' still pictures show, read back from matplotlib and compared with aecore."""

import base64
import math
import re

import numpy as np
import pytest
import torch
from figure_samples import PICTURES, PIXELS, bottleneck, codecs, dial, field, pad, plane, sparse
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from scipy.special import logsumexp
from torch.distributions import MultivariateNormal, Normal

import aecore as ae
from aelab import figures
from aelab.figures.kit.draws import normals, uniforms
from aelab.figures.kit.quantize import forward
from aelab.stills import style


@pytest.fixture(autouse=True)
def _style():
    with style.light():
        yield
    plt.close("all")


def curves(axis):
    """The lines of an axis: colour, x and y of each."""
    return [(to_hex(line.get_color()), *map(np.asarray, line.get_data())) for line in axis.lines]


def hue(name):
    return style.LIGHT[name]


def images(figure):
    return [np.asarray(image.get_array()) for axis in figure.axes for image in axis.images]


def numbers(sentence):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", sentence.replace("−", "-").replace(",", ""))]


def density(mean, width):
    return lambda z: Normal(mean, width).log_prob(torch.tensor(z)).exp().numpy()


def gaussian_kl(m, s, n, w):
    return float(
        ae.gaussian_kl_full(
            *(torch.tensor([[v]]) for v in (m,)),
            torch.tensor([[[s * s]]]),
            torch.tensor([[n]]),
            torch.tensor([[[w * w]]]),
        )
    )


def close(got, wanted, **tolerance):
    np.testing.assert_allclose(got, wanted, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


@pytest.mark.parametrize("rho", [0.2, 0.9])
def test_bernoulli_kl(rho):
    penalty, push = figures.BernoulliKL(rho=rho).draw().axes
    for index, name in enumerate(("blue", "orange", "green")):
        colour, q, value = curves(penalty)[index]
        at = torch.tensor(q, requires_grad=True)
        target = torch.full_like(at, rho)
        exact = (ae.bernoulli_kl(target, at), ae.bernoulli_kl(at, target), at)[index]
        assert colour == hue(name)
        close(value, exact.detach())
        close(curves(push)[index][2], -torch.autograd.grad(exact.sum(), at)[0])
    assert [curves(axis)[3][1][0] for axis in (penalty, push)] == [rho, rho]


@pytest.mark.parametrize("state", [{}, {"mean": 1.0, "width": 0.4, "a": 0.5, "b": -0.5, "noise": 2.0, "x": -1.0}])
def test_elbo_gap(state):
    figure = figures.ElboGap(**state)
    densities, nats = figure.draw().axes
    q, posterior, prior = curves(densities)
    mu, sd = figure.posterior
    for (colour, z, value), name, wanted in (
        (q, "blue", density(figure.mean, figure.width)),
        (posterior, "ink", density(mu, sd)),
        (prior, "muted", density(0.0, 1.0)),
    ):
        assert colour == hue(name)
        close(value, wanted(z))
    gap, fit, cost = nats.patches
    fits = figure.elbo + gaussian_kl(figure.mean, figure.width, 0.0, 1.0)
    assert [bar.get_width() for bar in (gap, fit, cost)] == pytest.approx(
        [figure.gap, fits, figure.elbo - fits], abs=1e-5
    )
    assert [bar.get_x() for bar in (gap, fit, cost)] == pytest.approx([figure.elbo, 0, fits], abs=1e-5)
    assert curves(nats)[0][1][0] == pytest.approx(figure.log_px)
    said = [figure.mean, figure.width, mu, sd, figure.log_px, figure.elbo, figure.gap]
    assert numbers(figure.sentence()) == pytest.approx(said, abs=0.0051)

    x, z = torch.tensor(figure.x), torch.linspace(-2, 2, 5)
    prior, likelihood = Normal(0.0, 1.0), Normal(figure.a * z + figure.b, figure.noise)
    evidence = Normal(figure.b, math.hypot(figure.a, figure.noise)).log_prob(x).item()
    assert figure.log_px == pytest.approx(evidence, abs=1e-5)
    close(prior.log_prob(z) + likelihood.log_prob(x) - evidence, Normal(mu, sd).log_prob(z), atol=1e-5)
    assert figure.gap == pytest.approx(gaussian_kl(figure.mean, figure.width, mu, sd), abs=1e-5)
    assert figure.elbo == pytest.approx(evidence - figure.gap, abs=1e-5)


def test_gaussian_kl_in_its_three_views():
    figure = figures.GaussianKL(p_mean=-1.0, q_width=0.9, r_mean=1.5, samples=300, seed=4)
    of = {name: (getattr(figure, f"{name}_mean"), getattr(figure, f"{name}_width")) for name in "pqr"}
    kl = {pair: gaussian_kl(*of[pair[0]], *of[pair[1]]) for pair in ("pq", "qp", "qr", "pr")}
    for pair, value in kl.items():
        assert figure.kl(*pair) == pytest.approx(value, abs=1e-6)
    top, low = figure.draw().axes
    x = curves(top)[0][1]
    p, q = (density(*of[name])(x) for name in "pq")
    for (_, _, value), wanted in zip(
        curves(top) + curves(low), (p, q, p * np.log(p / q), q * np.log(q / p)), strict=True
    ):
        close(value, wanted, atol=1e-5)
    assert numbers(figure.sentence())[-2:] == pytest.approx([kl["pq"], kl["qp"]], abs=0.0051)

    figure.view = "Monte Carlo"
    _, low = figure.draw().axes
    exact, (_, n, running) = curves(low)
    z = of["p"][0] + of["p"][1] * normals(4, 300)
    ratio = (Normal(*of["p"]).log_prob(torch.tensor(z)) - Normal(*of["q"]).log_prob(torch.tensor(z))).numpy()
    close(running, [ratio[: int(k)].mean() for k in n])
    error = np.array([ratio[: int(k)].std(ddof=1) / k**0.5 if k > 1 else 0 for k in n])
    band = low.collections[0].get_paths()[0].vertices
    for k, e, middle in list(zip(n, error, running, strict=True))[2:]:
        close(np.sort(np.unique(band[band[:, 0] == k][:, 1])), [middle - e, middle + e])
    assert exact[2][0] == pytest.approx(kl["pq"], abs=1e-6)

    figure.view = "triangle"
    direct, first, second = figure.draw().axes[1].patches
    assert [bar.get_width() for bar in (direct, first, second)] == pytest.approx(
        [kl["pr"], kl["pq"], kl["qr"]], abs=1e-6
    )
    assert second.get_x() == pytest.approx(kl["pq"], abs=1e-6)


@pytest.mark.parametrize("state", [{}, {"dimension": 1, "samples": 50, "seed": 3}])
def test_naive_monte_carlo(state):
    figure = figures.NaiveMonteCarlo(**state)
    weights, x = map(torch.tensor, figure.decoder())
    covariance = weights @ weights.T + figure.sigma**2 * torch.eye(len(x), dtype=torch.float64)
    exact = MultivariateNormal(torch.zeros_like(x), covariance).log_prob(x).item()
    z = torch.tensor(normals(figure.seed, figure.samples * figure.dimension)).view(figure.samples, -1)
    values = Normal(z @ weights.T, figure.sigma).log_prob(x).sum(1).numpy()
    run, shares, sums = figure.draw().axes
    line, (_, n, running) = curves(run)
    assert line[2][0] == pytest.approx(exact)
    close(running, [logsumexp(values[: int(k)]) - math.log(k) for k in n], rtol=1e-8)
    decades = values / math.log(10)
    edges = np.linspace(decades.min(), decades.max() + 1e-6, 45)
    close([bar.get_x() for bar in shares.patches], edges[:-1], atol=1e-6)
    close([bar.get_height() for bar in shares.patches], np.histogram(decades, edges)[0] / len(values), atol=1e-9)
    parts = np.exp(values - logsumexp(values))
    close([bar.get_height() for bar in sums.patches], np.histogram(decades, edges, weights=parts)[0], atol=1e-6)
    carriers = int((np.sort(parts)[::-1].cumsum() < 0.99).sum()) + 1
    *_, estimate, said, count, percent = numbers(figure.sentence())
    assert (estimate, said) == pytest.approx((logsumexp(values) - math.log(len(values)), exact), abs=0.051)
    assert (count, percent) == (carriers, 99)


@pytest.mark.parametrize("parameter", ["mean", "width"])
def test_reparameterize(parameter):
    figure = figures.Reparameterize(parameter=parameter, samples=7, mean=0.5, width=1.2)
    fan, strips = figure.draw().axes
    eps = torch.tensor(normals(figure.seed, 1000))
    mean, width = (torch.full_like(eps, value).requires_grad_() for value in (figure.mean, figure.width))
    z = mean + width * eps
    for line, e, at in zip(fan.lines[:7], eps[:7], z[:7].detach(), strict=True):
        close(line.get_data(), [[e, at], [0, 1]])

    def f(at):
        return ae.gaussian_log_prob(
            torch.full_like(at, figure.x)[:, None], (figure.a * at + figure.b)[:, None], figure.noise
        )

    k = ("mean", "width").index(parameter)
    pathwise = torch.autograd.grad(f(z).sum(), (mean, width))[k]
    log_q = Normal(mean, width).log_prob(z.detach())
    score = torch.autograd.grad((f(z).detach() * log_q).sum(), (mean, width))[k]
    for (_, got, _), wanted in zip(curves(strips), (pathwise, score), strict=False):
        close(got, wanted)
    close(numbers(figure.sentence())[-2:], [pathwise.var(), score.var()], atol=0.0051)
    close(curves(strips)[2][1][0], figure.gradient[k])
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    close(np.average(figure.estimates(nodes)[0], weights=weights), figure.gradient[k])


def test_beta_dial():
    figure = dial()
    figure.beta = 4
    drawing = figure.draw()
    codes, bars, rows, nats = drawing.axes
    assert [bar.get_height() for bar in bars.patches] == pytest.approx(figure.kl[1])
    assert [to_hex(bar.get_facecolor()) for bar in bars.patches] == [
        hue("blue" if on else "muted") for on in figure.active[1]
    ]
    pictures = np.frombuffer(figure.pictures, np.uint8).reshape(5, 10, 28, 28) / 255
    (sheet,) = images(drawing)
    for row, picture in enumerate((0, 3, 4)):
        for column in range(10):
            close(sheet[28 * row : 28 * row + 28, 28 * column : 28 * column + 28], pictures[picture, column])
    elbo = np.array(figure.log_prob) - np.sum(figure.kl, axis=1)
    for area, values in zip(nats.collections, (-np.array(figure.log_prob), -elbo), strict=True):
        tops = {round(float(x)): max(y for a, y in area.get_paths()[0].vertices if a == x) for x in (0, 1)}
        close([tops[0], tops[1]], values)
    radius = np.hypot(*curves(codes)[0][1:])
    close(radius, math.sqrt(-2 * math.log(0.05)))
    assert f"The ELBO is {elbo[1]:.1f} nats" in figure.sentence()
    del rows


def test_bottleneck():
    figure = bottleneck(width=2, digit=3)
    drawing = figure.draw()
    assert [(list(x), list(y)) for _, x, y in curves(drawing.axes[0])[:2]] == [([1, 2], [9, 8]), ([1, 2], [7, 6])]
    assert curves(drawing.axes[0])[2][1][0] == 2
    pictures = np.stack([PIXELS, PIXELS + 0.5, 2 * PIXELS - 1, 1 - PIXELS])
    figure = figures.Bottleneck([1, 2], PIXELS, pictures[:2], pictures[2:], [9, 8], [7, 6], width=2, digit=3)
    wanted = pictures[[0, 1, 3], 3].reshape(3, 28, 28)
    for got, picture in zip(images(figure.draw()), wanted, strict=True):
        close(got, picture, atol=2.5 / 500)  # half a step of 255 from -1 to 1.5
    assert "8.0 by PCA and 6.0 by" in figure.sentence()


@pytest.mark.parametrize("kind", ["Gaussian", "masking", "salt and pepper"])
def test_denoise_pad(kind):
    noisy = pad()
    noisy.kind = kind
    clean, spoiled, cleaned = noisy.pictures()
    for got, wanted in zip(images(noisy.draw()), (clean, spoiled, cleaned), strict=True):
        close(got, wanted)
    close(clean, PICTURES[3, 0], atol=0.003)
    x, chance = torch.tensor(clean).ravel(), torch.tensor(uniforms(1, 784))
    wanted = {
        "Gaussian": x + 0.5 * torch.tensor(normals(1, 784)),
        "masking": x.masked_fill(chance < 0.5, 0),
        "salt and pepper": x.masked_fill(chance < 0.25, 0).masked_fill((chance >= 0.25) & (chance < 0.5), 1),
    }[kind]
    close(spoiled.ravel(), wanted, atol=1e-5)
    close(cleaned.ravel(), forward(noisy.network, spoiled.reshape(1, -1))[0])
    decibels = [
        ae.psnr(torch.tensor(p).clamp(0, 1)[None], torch.tensor(clean)[None]).item() for p in (spoiled, cleaned)
    ]
    said = numbers(noisy.sentence())
    assert [said[-2], said[-1]] == pytest.approx(decibels, abs=0.051)


def test_latent_plane():
    figure = plane()
    drawing = figure.draw()
    codes = PIXELS[:, :2].numpy()
    scattered = np.concatenate([part.get_offsets() for part in drawing.axes[0].collections])
    close(scattered, codes)  # the labels are 0 to 9 in this order
    close(np.stack(curves(drawing.axes[0])[0][1:]), [[figure.ax, figure.bx], [figure.ay, figure.by]])
    a, b = np.array([[figure.ax, figure.ay], [figure.bx, figure.by]])
    wanted = [[figure.x, figure.y], *np.linspace(a, b, 8)]
    pictures = forward(figure.planes[0]["decoder"], wanted).reshape(-1, 28, 28)
    for got, picture in zip(images(drawing), pictures, strict=True):
        close(got, picture)
    distance = np.linalg.norm(codes - (figure.x, figure.y), axis=1)
    spacing = np.median([np.sort(np.linalg.norm(codes - code, axis=1))[1] for code in codes])
    assert f"a {distance.argmin()}, is {distance.min() / spacing:.1f} times" in figure.sentence()


def test_rate_distortion():
    rows = {"other": codecs()["row"][::-1], **codecs()}
    figure = figures.RateDistortion(PICTURES[:2], ["a digit", "a digit"], rows, codec="row")
    figure.picture, figure.quality, figure.size = 1, 40, 1
    drawing = figure.draw()
    original, jpeg, learned = (torch.tensor(picture)[None] for picture in figure.shown())
    close(original, PICTURES[1], atol=0.003)
    (usual,) = ae.write_pictures(PICTURES[1:2], quality=40)
    close(jpeg, ae.read_pictures([usual])[0], atol=0.003)
    codec = rows["row"][1]
    close(learned, codec.decode(codec.encode(PICTURES[1:2])).view(1, 28, 28), atol=0.003)
    for got, wanted in zip(images(drawing), (original, jpeg, learned), strict=True):
        close(got, wanted[0])
    points = {
        name: [float(v[0]) for v in line.get_data()]
        for name, line in zip(("JPEG", "row"), drawing.axes[0].lines, strict=True)
    }
    assert points["JPEG"] == pytest.approx([ae.payload_size(usual), ae.psnr(jpeg, original).item()])
    assert points["row"] == pytest.approx([figure.files["learned"]["row"][1][1], ae.psnr(learned, original).item()])


def test_score_field():
    figure = field(means=((0.0, 0.0), (1.0, 0.5)))
    figure.x, figure.y = 1.5, -1.0
    drawing = figure.draw()
    variance = figure.width**2 + figure.noise**2
    at = torch.tensor(figure.path(figure.score), requires_grad=True)
    parts = torch.stack([Normal(torch.tensor(m), variance**0.5).log_prob(at).sum(1) for m in ([0.0, 0.0], [1.0, 0.5])])
    log = torch.logsumexp(parts, 0) - math.log(2)
    score = figure.noise**2 * torch.autograd.grad(log.sum(), at)[0]
    close(figure.log_density(at.detach()), log.detach())
    close(figure.score(at.detach()), score)
    close(np.diff(at.detach(), axis=0), 0.2 * score[:-1].numpy())
    close(figure.residual(at.detach()), forward(figure.networks[0], at.detach()) - at.detach().numpy())
    true, learned, start = curves(drawing.axes[0])
    close(np.stack(true[1:], axis=1), figure.path(figure.score))
    close(np.stack(learned[1:], axis=1), figure.path(figure.residual))
    assert (float(start[1][0]), float(start[2][0])) == (1.5, -1.0)
    for quivers, arrows in (
        (drawing.axes[0].collections[1:3], figure.score),
        (drawing.axes[0].collections[3:5], figure.residual),
    ):
        for part in (part for part in quivers if len(part.get_offsets())):
            wanted = arrows(part.get_offsets())
            wanted = wanted * (0.34 / (np.linalg.norm(wanted, axis=1, keepdims=True) + figure.noise))
            close(np.stack([part.U, part.V], axis=1), wanted)
    before, after = figure.log_density(figure.path(figure.residual)[[0, -1]])
    assert numbers(figure.sentence())[-2:] == pytest.approx([before, after], abs=0.0051)


def test_sparse_codes():
    activations = torch.tensor([[[1.0, 2.0]] * 10, [[3.0, 0.0]] * 10])
    figure = sparse(activations=activations, dead=((0, 0), (0, 1)))
    figure.penalty, figure.digit = 1, 2
    sheet, digit, result = images(figure.draw())
    close(digit, PICTURES[2, 0], atol=0.003)
    close(result, np.full((28, 28), 3.0), rtol=0.005)  # three times a filter of ones, no bias
    close(np.ma.filled(sheet, np.nan)[:28, :28], np.ones((28, 28)), rtol=0.005)
    assert np.isnan(np.ma.filled(sheet, np.nan)[:28, 30:58]).all(), "a dead unit has no picture"
    frames = figure.draw().axes[0].patches
    assert [(frame.get_x(), frame.get_y()) for frame in frames] == [(-1, -1)], "the one unit that the digit uses"
    assert "from 1 active units; 1 units are dead, and the squared error per test picture is 4.0" in figure.sentence()


def test_frames():
    def draw(slope):
        drawing, axis = plt.subplots(figsize=(3, 2))
        axis.plot([0, 1], [0, slope])
        return drawing

    made = figures.frames(draw, [1, 2.5], label="slope", alt="A straight line.", start=1)
    assert made.labels == ["1", "2.5"]
    shown = made.still()
    assert (shown["light"], shown["dark"]) == (made.light[1].decode(), made.dark[1].decode())
    assert made.light[0] != made.light[1]
    assert (made.sentence(), made.size) == ("A straight line. Shown for slope 2.5.", [288, 192])
    assert base64.b64decode(made.state()["light"][0]["$bytes"]) == made.light[0]
    with pytest.raises(ValueError, match=r"draw must return figures of one size, got \[\(96, 96\), \(192, 96\)\]"):
        figures.frames(lambda width: plt.figure(figsize=(width, 1)), [1, 2], label="width", alt="An empty picture.")
