"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import pytest
import torch

from aelab.exercises import after_the_vae as lecture09


def entries(z, codebook):
    return codebook[torch.cdist(z, codebook).argmin(dim=1)]


RIGHT = {"check_straight_through": lambda z, book: z + (entries(z, book) - z).detach()}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture09, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture09.__all__)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (entries, "no gradient reaches the encoder"),
        (lambda z, book: z + (entries(z, book) - z), "no gradient reaches the encoder"),
        (lambda z, book: entries(z, book).detach(), "detached everything"),
        (lambda z, book: (z + entries(z, book) - z).detach() + z * 0, "no gradient reaches the encoder"),
        (lambda z, book: entries(z, book) + 2 * (z - z.detach()), "not that of the identity"),
        (lambda z, book: entries(z, book) + z - z.detach(), "pulls at the codebook"),
        (lambda z, book: z * 1, "z itself"),
        (lambda z, book: book[torch.cdist(z, book).argmax(dim=1)], "argmin"),
        (lambda z, book: (entries(z, book) - z).detach(), "add z"),
        (lambda z, book: torch.cdist(z, book).argmin(dim=1), "numbers of the entries"),
    ],
)
def test_mistakes_in_the_straight_through_quantizer(answer, diagnosis):
    verdict = lecture09.check_straight_through(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message
