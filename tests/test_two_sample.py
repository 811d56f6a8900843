"""The judge of two sets of images, on sets of which the answer is known."""

import pytest
import torch

from aelab.two_sample import told_apart


def noise(seed, n=1600):
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_one_distribution_twice_is_a_guess():
    assert told_apart(noise(0), noise(1)) == pytest.approx(50, abs=4)


def test_two_that_never_meet_are_told_apart():
    assert told_apart(0.4 * noise(0), 0.6 + 0.4 * noise(1)) == 100


def test_a_share_of_fakes_bounds_what_can_be_seen():
    """Every second image of the other set is real: nobody can be right in more than three of four cases."""
    half_real = torch.cat([noise(1, 800), torch.zeros(800, 1, 4, 4)])[torch.randperm(1600)]
    assert told_apart(noise(0), half_real) == pytest.approx(75, abs=4)


def test_the_same_seed_gives_the_same_number():
    assert told_apart(noise(0), noise(1), seed=3) == told_apart(noise(0), noise(1), seed=3)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (noise(0), noise(1, 800), "second must have the shape of first"),
        (noise(0) - 1, noise(1), "first must be at least 0"),
        (noise(0), 2 * noise(1), "second must be at most 1"),
        (noise(0, 3), noise(1, 3), "first must hold at least 4"),
    ],
)
def test_other_sets_are_refused_by_name(first, second, words):
    with pytest.raises(ValueError, match=words):
        told_apart(first, second)
