"""A run of training in the page: which images come when, what is measured, and the way back in time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from aebook.bundle import TRAIN

import aecore as ae

from .conftest import source
from .test_engine import HEALTHY

SESSION = source(TRAIN / "session.js")
RUN = {**HEALTHY, "rate": 1e-2, "noise": "none", "level": 0.0, "anneal": 0}
SHAPE = {"kind": "vae", "encoder": [36, 16, 4], "decoder": [2, 16, 36], "activation": "relu"}
START = {"shape": SHAPE, "run": RUN, "seed": 3}
# A session on random images with a clock that the test sets, driven by `drive(session, until)`.
OPEN = """(m, start, train, test, code) => {
  const told = [], warned = [];
  let time = 0;
  const floats = (view) => new Float32Array(view.buffer);
  const images = { train: floats(train), test: floats(test) };
  const clock = () => (time += 100);
  const session = new m.Session(images, start, null, (look) => told.push(look), (news) => warned.push(news), clock);
  const rest = () => { while (session.tick()); };
  const until = (steps) => {
    session.go(true);
    while (session.engine.steps() < steps && session.tick());
    session.go(false);
    rest();
  };
  const equal = (a, b) => a.every((value, i) => Object.is(value, b[i]));
"""


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(count, 36, generator=generator) for count in (500, 130)]


def run(js, images, body, start=START):
    sent = [tensor.numpy().tobytes() for tensor in images]
    return js.run(SESSION, OPEN + body + "}", start, *sent, None)


def test_an_epoch_sees_every_image_once_in_an_order_of_its_own(js, images):
    batches = run(js, images, "return [0, 1, 2, 3, 4, 5].map((step) => session.batch(step).target);")
    epoch = np.reshape(batches[:5], (500, 36)).astype(np.float32)
    assert sorted(map(tuple, epoch)) == sorted(map(tuple, images[0].numpy()))
    assert not np.array_equal(epoch, images[0].numpy())
    assert batches[5] != batches[0]


def test_the_same_seed_gives_the_same_run_and_another_another(js, images):
    body = "until(7); return Array.from(session.engine.save().parameters);"
    first, again = (run(js, images, body) for _ in range(2))
    assert first == again
    assert run(js, images, body, {**START, "seed": 4}) != first


def test_noise_is_standard_normal(js, images):
    body = "return Array.from({ length: 300 }, (_, step) => session.batch(step).eps);"
    eps = np.ravel(run(js, images, body))
    assert len(eps) == 300 * 100 * 2
    assert abs(eps.mean()) < 4 / len(eps) ** 0.5
    assert eps.std() == pytest.approx(1, abs=0.01)
    assert abs(np.corrcoef(eps[:-200], eps[200:])[0, 1]) < 0.02, "two steps share their noise"


@pytest.mark.parametrize(("noise", "level"), [("masking", 0.4), ("gaussian", 0.3)])
def test_the_input_is_spoilt_and_the_target_clean(js, images, noise, level):
    start = {**START, "run": {**RUN, "noise": noise, "level": level}}
    x, target = (np.array(v) for v in run(js, images, "const b = session.batch(0); return [b.x, b.target];", start))
    assert set(map(tuple, target.reshape(100, 36).astype(np.float32))) <= set(map(tuple, images[0].numpy()))
    if noise == "masking":
        assert ((x == 0) | (x == target)).all()
        assert (x == 0).mean() == pytest.approx(level, abs=0.03)
    else:
        assert (x - target).std() == pytest.approx(level, rel=0.03)


def test_a_look_measures_all_test_images(js, images):
    look = run(js, images, "until(20); const l = told.at(-1); return { ...l, weights: session.engine.take() };")
    vae = ae.VAE(ae.mlp([36, 16, 4]), ae.mlp([2, 16, 36]))
    linear = [part for part in vae.modules() if isinstance(part, torch.nn.Linear)]
    with torch.no_grad():
        for part, found in zip(linear, look["weights"], strict=True):
            part.weight.copy_(torch.tensor(found["weight"]).view_as(part.weight))
            part.bias.copy_(torch.tensor(found["bias"]))
        mean, logvar = vae.posterior(images[1])
        pictures = vae(images[1][:8])
        samples = [vae.elbo_parts(images[1])["log_prob"].mean() for _ in range(400)]
    np.testing.assert_allclose(np.reshape(look["codes"], (130, 2)), mean, atol=1e-5)
    np.testing.assert_allclose(np.reshape(look["pictures"], (8, 36)), pictures, atol=1e-5)
    assert sum(look["test"]["kl"]) == pytest.approx(float(ae.gaussian_kl(mean, logvar).mean()), rel=1e-4)
    spread = torch.stack(samples).std()
    assert -look["test"]["error"] == pytest.approx(float(torch.stack(samples).mean()), abs=4 * float(spread))
    assert len(look["samples"]) == 16 * 36
    assert look["step"] == 20
    assert look["epoch"] == 4


def test_what_its_own_loss_said_is_a_mean_since_the_look_before(js, images):
    found = run(
        js,
        images,
        "rest(); const all = []; const step = session.engine.step;"
        "session.engine.step = (...a) => { const t = step(...a); all.push(t.loss); return t; };"
        "session.looked = 1e9; session.running = true; while (session.engine.steps() < 6) session.tick();"
        "session.go(false); rest(); return [all, told.at(-1).train.loss, told.map((l) => l.trained)];",
    )
    assert found[1] == pytest.approx(np.mean(found[0]))
    assert len(found[0]) == 6
    assert found[2] == [False, True]


def test_back_in_time_and_on_from_there_bit_for_bit(js, images):
    found = run(
        js,
        images,
        """until(10);
        const kept = session.states.map(({ steps }) => steps);
        const [middle, end] = [kept.at(-3), session.engine.steps()];
        const last = session.engine.save();
        session.back(middle); rest();
        const shown = told.at(-1);
        const there = session.engine.save();
        until(end);
        const again = session.engine.save();
        return { middle, shown: shown.step, states: shown.states, there: there.steps,
          same: equal(last.parameters, again.parameters) && equal(last.moments, again.moments),
          moved: !equal(there.parameters, last.parameters), left: session.states.map(({ steps }) => steps) };""",
    )
    assert found["shown"] == found["there"] == found["middle"]
    assert found["states"][-1] == 10, "the states that come later stay until training goes on"
    assert found["same"]
    assert found["moved"]
    assert found["left"] == sorted(set(found["left"]))


def test_the_states_do_not_grow_without_end(js, images):
    counts = run(
        js,
        images,
        "const n = []; for (let s = 10; s < 900; s += 10) { until(s); n.push(session.states.map((x) => x.steps)); }"
        "return n;",
    )
    assert max(map(len, counts)) <= 25
    assert all(kept[0] == 0 for kept in counts)
    assert counts[-1][-1] == 890


@pytest.mark.parametrize("changed", [{"rate": 1e6}, {"bug": "sign", "rate": 0.1}])
def test_a_loss_that_is_no_number_any_more_goes_back_to_the_last_good_state(js, images, changed):
    found = run(
        js,
        images,
        f"""until(5); const good = session.engine.save();
        session.run = {{ ...session.run, ...{str(changed).replace("'", '"')} }};
        session.go(true); let n = 0; while (session.tick() && n++ < 5000);
        const now = session.engine.save();
        return {{ warned, running: session.running, finite: now.parameters.every(Number.isFinite),
          steps: now.steps, looks: told.every((l) => Number.isFinite(l.test.error)), n }};""",
    )
    assert len(found["warned"]) == 1, found["n"]
    assert found["warned"][0]["back"] == found["steps"] >= 5
    assert not found["running"]
    assert found["finite"]
    assert found["looks"]


def test_beta_grows(js, images):
    start = {**START, "run": {**RUN, "beta": 8.0, "anneal": 10}}
    betas = run(
        js,
        images,
        "const all = []; const step = session.engine.step;"
        "session.engine.step = (x, n, e, s, t) => { all.push(s.beta); return step(x, n, e, s, t); };"
        "until(12); return all;",
        start,
    )
    assert betas == pytest.approx([0, 0.8, 1.6, 2.4, 3.2, 4.0, 4.8, 5.6, 6.4, 7.2, 8, 8])


def test_initial_weights_are_those_of_torch_and_the_mean_image(js, images):
    layers = js.run(
        SESSION,
        "(m, shape, x) => m.initial(shape, 5, new Float32Array(x.buffer), true)",
        SHAPE,
        images[0].numpy().tobytes(),
    )
    for layer in layers[:-1]:
        bound = layer["ins"] ** -0.5
        values = np.array(layer["weight"] + layer["bias"])
        assert np.abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.2)
    mean = images[0].mean(dim=0)
    np.testing.assert_allclose(layers[-1]["bias"], torch.logit(mean), atol=1e-4)


def test_back_to_a_step_that_was_not_kept_is_refused(js, images):
    with pytest.raises(RuntimeError, match="step must be one of 0, got 7"):
        run(js, images, "session.back(7);")


def test_a_session_that_starts_late_is_looked_at_as_soon_as_any(js, images):
    """A worker that has lived for long begins another run."""
    steps = run(
        js,
        images,
        "time = 1e6; const late = new m.Session(images, start, null, (l) => told.push(l.step),"
        " () => 0, clock); late.go(true); told.length = 0; while (told.length < 4) late.tick(); return told;",
    )
    assert steps[0] == 0
    assert steps[-1] < 40
