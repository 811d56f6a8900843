"""The weights in the package: whole, refused when altered, made by the script beside them, as good as said."""

import json
import math

import numpy as np
import pytest
import torch

import aecore as ae
from aecore.training import storage
from aelab.pretrained import codec, digit_codec, price_per_bit

FILES = sorted(codec._FOLDER.glob("*.safetensors"))
DIGITS = ae.mnist("test")[0][:200]


@pytest.mark.parametrize("seed", codec.SEEDS)
def test_a_digit_takes_twenty_bytes_at_twenty_four_decibels(seed):
    """What lecture 03 says of them, on other test digits than its own."""
    digits = ae.mnist("test")[0][1000:1300]
    points = []
    for step in (2.6, 2.0, 1.5, 1.1):
        writer = ae.Codec(digit_codec(seed), ae.mnist("train")[0][:5000], step)
        files = writer.encode(digits)
        error = (writer.decode(files) - digits).square().mean().item()
        points.append((math.log(np.mean([len(file) for file in files])), -10 * math.log10(error)))
    assert float(np.interp(math.log(20), *zip(*points, strict=True))) == pytest.approx(24.2, abs=0.6)


def test_the_networks_differ_and_are_of_half_precision():
    first, second = (digit_codec(seed) for seed in (0, 1))
    assert not first.training
    for mine, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert not torch.equal(mine, theirs)
        assert torch.equal(mine, mine.half().float())


def test_each_file_says_how_it_was_made():
    assert len(FILES) == len(codec.SEEDS)
    for seed, path in enumerate(FILES):
        _, text = storage.read(path)
        facts = json.loads(text)
        settings = {name: facts[name] for name in codec.SETTINGS}
        assert settings == codec.SETTINGS
        assert (facts["seed"], facts["price"], facts["images"]) == (seed, codec.PRICE, 60_000)


def test_another_seed_is_refused():
    with pytest.raises(ValueError, match="seed must be 0, 1 or 2, got 3"):
        digit_codec(3)


@pytest.mark.parametrize("spoil", [lambda b: b[:-8], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_an_altered_file_is_refused(tmp_path, monkeypatch, spoil):
    (tmp_path / FILES[0].name).write_bytes(spoil(FILES[0].read_bytes()))
    monkeypatch.setattr(codec, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match="digit_codec_0"):
        digit_codec(0)
    with pytest.raises(ValueError, match="digit_codec_1"):
        digit_codec(1)  # which is not there


def test_the_script_writes_what_is_read(tmp_path, monkeypatch):
    path = codec.train(1, DIGITS, tmp_path, epochs=1, progress=False)
    monkeypatch.setattr(codec, "_FOLDER", tmp_path)
    model = digit_codec(1)
    started = codec.untrained(1)
    assert not torch.equal(model.encoder[1].weight, started.encoder[1].weight.half().float())
    assert (model.encoder[1].weight - started.encoder[1].weight).abs().max() < 0.05  # it began there
    assert json.loads(storage.read(path)[1])["epochs"] == 1


def test_untrained_networks_depend_on_the_seed_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, two = codec.untrained(0), codec.untrained(0)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_the_price_is_that_of_a_gaussian_of_the_code_and_noise_is_a_step_wide():
    model = codec.untrained(0)
    with torch.no_grad():
        h = model.encode(DIGITS)
        free, plain = price_per_bit(0)(model, DIGITS, DIGITS), price_per_bit(0.5, noise=False)(model, DIGITS, DIGITS)
    assert set(free) == {"error"}
    torch.testing.assert_close(plain["error"], ae.squared_error(model(DIGITS), DIGITS))
    normal = torch.distributions.Normal(torch.zeros(64), (h.var(dim=0) + 1 / 12).sqrt())
    torch.testing.assert_close(plain["rate"], 0.5 * normal.entropy().sum() / math.log(2))
    seen = []
    monitor = model.decode
    model.decode = lambda code: seen.append(code - h) or monitor(code)
    for seed in range(20):
        torch.manual_seed(seed)
        price_per_bit(0.5)(model, DIGITS, DIGITS)
    noise = torch.cat(seen)
    assert noise.abs().max() <= 0.5 + 1e-5
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.01)


@pytest.mark.parametrize("price", [-0.1, math.nan])
def test_a_price_is_not_negative(price):
    with pytest.raises(ValueError, match="price must not be negative"):
        price_per_bit(price)
