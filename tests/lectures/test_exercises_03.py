"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import math
from fractions import Fraction

import pytest
import torch

import aecore as ae
from aelab.exercises import compression as lecture03


def quantize(h, step, how=torch.round):
    return how(h / step).long(), step * how(h / step)


def entropy(symbols, log=torch.log2):
    p = symbols.unique(return_counts=True)[1].double() / len(symbols)
    return -(p * log(p)).sum()


def payload(file, *, head=True, end=2, marker=2):
    at = 2
    while file[at + 1] != 0xDA:
        at += marker + int.from_bytes(file[at + 2 : at + 4], "big")
    at += 2 + int.from_bytes(file[at + 2 : at + 4], "big") if head else 0
    return len(file) - at - end


def interval(symbols, p, *, below=lambda p, s: p[:s], empty=True):
    low, width = Fraction(0), Fraction(1)
    for s in symbols:
        low, width = low + width * sum(below(p, s), Fraction(0)), width * p[s]
    return low, width


def high_end(symbols, p):
    low, width = interval(symbols, p)
    return low, low + width


def too_late(symbols, p):
    low, width = Fraction(0), Fraction(1)
    for s in symbols:
        width *= p[s]
        low += width * sum(p[:s], Fraction(0))
    return low, width


def break_even(model, theirs, ours):
    return math.floor(model / (theirs - ours)) + 1 if theirs > ours else math.inf


def codec_loss(model, x, target, *, price=0.02, noise=1.0, rounding=False, rate=lambda h: h.var(dim=0) + 1 / 12):
    h = model.encode(x)
    sent = h.round() if rounding else h + noise * (torch.rand_like(h) - 0.5)
    return {
        "error": ae.squared_error(model.decode(sent), target),
        "rate": price * 0.5 * torch.log2(2 * math.pi * math.e * rate(h)).sum(),
    }


RIGHT = {
    "check_quantize": quantize,
    "check_entropy": entropy,
    "check_payload": payload,
    "check_interval": interval,
    "check_break_even": break_even,
    "check_codec_loss": codec_loss,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture03, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture03.__all__)


def test_other_right_answers_pass():
    assert lecture03.check_entropy(lambda s: float(entropy(s)))
    assert lecture03.check_payload(ae.payload_size)
    assert lecture03.check_codec_loss(lambda m, x, t: sum(part.mean() for part in codec_loss(m, x, t).values()))


WRONG = [
    ("check_quantize", lambda h, step: quantize(h, step, torch.floor), "next integer below"),
    ("check_quantize", lambda h, step: quantize(h, step, torch.trunc), "cut the digits off"),
    ("check_quantize", lambda h, step: ((h * step).round().long(), h), "multiplied by the step"),
    ("check_quantize", lambda h, step: (h.round().long(), h.round()), "the step is missing"),
    (
        "check_quantize",
        lambda h, step: (quantize(h, step)[1], quantize(h, step)[1]),
        "multiples of the step; the first",
    ),
    ("check_quantize", lambda h, step: (h / step, h), "nothing is rounded"),
    ("check_quantize", lambda h, step: ((h / step).round(), step * (h / step).round()), "add .long()"),
    ("check_quantize", lambda h, step: (quantize(h, step)[0], quantize(h, step)[0]), "still in integers"),
    ("check_quantize", lambda h, step: (quantize(h, step)[0], h), "the receiver does not have it"),
    ("check_quantize", lambda h, step: (quantize(h, step)[0], quantize(h, step)[1] + step / 2), "half a step"),
    ("check_quantize", lambda h, step: quantize(h, step)[0], "must be two values, the integers"),
    ("check_entropy", lambda s: entropy(s, torch.log), "these are nats"),
    ("check_entropy", lambda s: entropy(s, torch.log10), "decimal digits"),
    ("check_entropy", lambda s: -entropy(s), "minus is missing"),
    ("check_entropy", lambda s: math.log2(len(s.unique())), "words of one length"),
    ("check_entropy", lambda s: -(s.unique(return_counts=True)[1] / len(s)).log2().mean(), "weigh -log2 p by p"),
    ("check_entropy", lambda s: len(s) * entropy(s), "the whole file"),
    ("check_entropy", lambda s: entropy(s) / len(s.unique()), "averaged over the integers"),
    ("check_entropy", lambda s: s.bincount().double().sum(), "raised"),
    ("check_payload", len, "the whole file"),
    ("check_payload", lambda f: payload(f, end=0), "the end marker, two bytes"),
    ("check_payload", lambda f: payload(f, head=False), "the header of the scan: the two bytes"),
    ("check_payload", lambda f: payload(f, head=False, end=0), "the header of the scan and the end marker"),
    ("check_payload", lambda f: len(f) - 330, "330 bytes of header"),
    ("check_payload", lambda f: f[len(f) - 2 - payload(f) :].index(b"\xff"), "first byte 255"),
    ("check_payload", lambda f: payload(f) + 4, "does not count the two bytes of its marker"),
    ("check_payload", lambda f: payload(f) + 1, "differ by up to 1"),
    ("check_interval", lambda s, p: tuple(map(float, interval(s, p))), "not floats"),
    ("check_interval", lambda s, p: interval(s, p)[1], "must be two values, the low end"),
    ("check_interval", high_end, "the second result is the high end"),
    ("check_interval", lambda s, p: interval(s, p, below=lambda p, s: p[: s + 1]), "not below it"),
    ("check_interval", lambda s, p: interval(s[::-1], p), "backwards"),
    ("check_interval", lambda s, p: (Fraction(0), interval(s, p)[1]), "never moves"),
    ("check_interval", too_late, "before* the symbol"),
    ("check_interval", lambda s, p: (Fraction(0), Fraction(1, 3)), "product of the probabilities"),
    ("check_interval", lambda s, p: interval(s, p) if s else (0, 0), "an empty message"),
    ("check_break_even", lambda m, a, b: m / (a - b), "come whole"),
    ("check_break_even", lambda m, a, b: m // (a - b), "round up"),
    ("check_break_even", lambda m, a, b: math.ceil(m / a), "not all of theirs"),
    ("check_break_even", lambda m, a, b: math.ceil(m / b), "divided by our bytes"),
    ("check_break_even", lambda m, a, b: math.ceil(m / (b - a)), "the sign is wrong"),
    ("check_break_even", lambda m, a, b: 7, "are paid for by 3,334 pictures, got 7"),
    ("check_break_even", lambda m, a, b: math.ceil(m / (a - b)), "after 4"),
    ("check_break_even", lambda m, a, b: math.floor(m / (a - b)) + 1 if a != b else math.inf, "never pays"),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, x, t, rounding=True, price=0.0), "rounding has none"),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, x, t, noise=0.0), "the same loss twice"),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, x, x), "target does not count"),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, t, t), "x does not count"),
    ("check_codec_loss", lambda m, x, t: {}, "does not depend"),
    ("check_codec_loss", lambda m, x, t: torch.zeros(3), "does not depend"),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, x, t, noise=1e-4), "drown in it"),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, x, t, price=0.0), "costs nothing here"),
    (
        "check_codec_loss",
        lambda m, x, t: codec_loss(m, x, t, rate=lambda h: h.square().mean(0) + 1),
        "use the variance",
    ),
    ("check_codec_loss", lambda m, x, t: codec_loss(m, x, t, rate=lambda h: h.var(0) - 0.01), "nan or infinity"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture03, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message
