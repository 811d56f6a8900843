"""ElboGap: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from figure_references import MODEL, elbo_cases, elbo_exact

from aelab.figures import ElboGap


@pytest.fixture(scope="module")
def cases():
    return elbo_cases()


def test_parity_with_aecore(js, cases):

    def call(name, *arguments):
        return np.array(js.math("elbo_gap", name, [list(row) for row in zip(*arguments, strict=True)]))

    close = {"rtol": 1e-11, "atol": 1e-11}
    models = [{name: case[name] for name in MODEL} for case in cases]
    means, widths = ([case[name] for case in cases] for name in ("mean", "width"))
    parts, gradients = elbo_exact(cases)
    for name in ("reconstruction", "elbo"):
        np.testing.assert_allclose(call(name, means, widths, models), parts[name], err_msg=name, **close)
    np.testing.assert_allclose(call("evidence", models), parts["evidence"], **close)
    posterior = call("posterior", models)
    gap = call("kl", means, widths, posterior[:, 0].tolist(), posterior[:, 1].tolist())
    np.testing.assert_allclose(gap, parts["gap"], **close)
    np.testing.assert_allclose(call("kl", means, widths, [0] * 150, [1] * 150), parts["cost"], **close)
    np.testing.assert_allclose(call("gradient", means, widths, models), gradients, **close)
    # the bar adds up: the page's ELBO and gap are computed on their own, and make the page's log p(x)
    np.testing.assert_allclose(call("elbo", means, widths, models) + gap, call("evidence", models), **close)


def test_contours_and_steps(js, cases):
    """Every point of a contour has its gap, and a step goes along the gradient, in the hand's range, and upwards."""
    models = [{name: case[name] for name in MODEL} for case in cases]
    posteriors = js.math("elbo_gap", "posterior", [[m] for m in models])
    for (mean, width), level in zip(posteriors, np.linspace(0.1, 8, 150).tolist(), strict=True):
        xs, ys = js.math("elbo_gap", "contour", [[level, [mean, width]]])[0]
        s = np.exp(ys)
        gap = np.log(width / s) + (s**2 + (np.array(xs) - mean) ** 2) / (2 * width**2) - 0.5
        np.testing.assert_allclose(gap, level, rtol=1e-7)
    steps = js.math("elbo_gap", "step", [[c["mean"], c["width"], m] for c, m in zip(cases, models, strict=True)])
    _, gradients = elbo_exact(cases)
    for case, (mean, width), (dm, dl) in zip(cases, steps, gradients, strict=True):
        rate = 0.2 * ElboGap(**case).posterior[1] ** 2
        assert mean == pytest.approx(np.clip(case["mean"] + rate * dm, -2.5, 2.5), abs=1e-11)
        assert width == pytest.approx(np.clip(case["width"] * np.exp(rate * dl), 0.2, 1.5), abs=1e-11)
        assert ElboGap(**{**case, "mean": mean, "width": width}).elbo >= ElboGap(**case).elbo - 1e-12
