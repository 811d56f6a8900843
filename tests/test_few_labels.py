"""The shared experiment of lectures 01 and 04: balanced draws, and a probe on codes."""

import pytest
import torch

import aecore as ae
from aelab.few_labels import DRAWS, labelled, probe_accuracy

IMAGES, LABELS = (part[:3000] for part in ae.mnist("train"))
TEST = tuple(part[:500] for part in ae.mnist("test"))


def test_a_draw_has_equally_many_of_each_class_and_depends_on_its_seed():
    for per_class in (1, 10):
        drawn = labelled(LABELS, per_class, 3)
        assert LABELS[drawn].bincount().tolist() == [per_class] * 10
        assert len(drawn.unique()) == 10 * per_class
        assert torch.equal(drawn, labelled(LABELS, per_class, 3))
        assert not torch.equal(drawn, labelled(LABELS, per_class, 4))


def test_a_class_with_too_few_images_is_named():
    with pytest.raises(ValueError, match="labels must have 2 of each class, got 1 of 0"):
        labelled(torch.arange(10), 2, 0)
    with pytest.raises(ValueError, match="per_class"):
        labelled(LABELS, 0, 0)


def test_the_accuracy_is_that_of_a_linear_probe_on_each_draw():
    found = probe_accuracy(lambda x: x.flatten(1), (IMAGES, LABELS), TEST, (10, 100))
    assert found.shape == (2, DRAWS)
    chosen = labelled(LABELS, 10, 2)
    by_hand = ae.linear_probe(IMAGES[chosen].flatten(1), LABELS[chosen], TEST[0].flatten(1), TEST[1])
    assert found[1, 2].item() == pytest.approx(100 * by_hand, abs=1e-4)
    assert found[1].mean() > found[0].mean() + 10  # labels help
    assert found[0].std() > 0  # other draws, other results


@pytest.mark.parametrize("budget", [5, 15, 0])
def test_a_budget_has_as_many_of_each_class(budget):
    with pytest.raises(ValueError, match="multiples of 10"):
        probe_accuracy(lambda x: x.flatten(1), (IMAGES, LABELS), TEST, (budget,))
