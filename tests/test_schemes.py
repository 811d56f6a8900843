"""The drawings of the models: every part is there, connected, inside the drawing, in both themes."""

import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, Polygon

from aelab import stills
from aelab.stills import style
from aelab.stills.schemes import DRAWINGS, WORDS

PARTS = {  # what has to be read in the drawing, its arrows, and its networks (each an outline and an area)
    "autoencoder": ({"$x$", "encoder", "$h$", "decoder", r"$\hat x$"}, 4, 2),
    "denoising": ({"$x$", r"$\tilde x$", "noise", "encoder", "$h$", "decoder", r"$\hat x$"}, 7, 2),
    "codec": ({"$x$", "encoder", "$h$", "$q$", "file", r"$\hat h$", "decoder", r"$\hat x$", "times Δ"}, 7, 2),
    "vae": ({"$x$", "encoder", r"$\mu$", r"$\sigma$", r"$\varepsilon$", "$z$", "decoder", "$p(x|z)$"}, 8, 2),
    "graphical model": ({"$z$", "$x$", "$p(z)$", r"$p_\theta(x|z)$", r"$q_\phi(z|x)$", "$n$"}, 2, 0),
    "two levels": ({"$z_2$", "$z_1$", "$x$", "$p(z_2)$", r"$q_\phi(z_2|z_1)$", r"$q_\phi(z_1|x)$"}, 4, 0),
    "latent diffusion": ({"$x$", "encoder", "$z_0$", "$z_1$", "$z_T$", "decoder", r"$\hat x$"}, 10, 2),
}


@pytest.mark.parametrize("mode", [style.light, style.dark])
@pytest.mark.parametrize("name", DRAWINGS)
def test_every_part_is_drawn_and_inside(name, mode):
    with mode():
        figure = DRAWINGS[name]()
        figure.canvas.draw()
    (axes,) = figure.axes
    words, arrows, networks = PARTS[name]
    assert words <= {text.get_text() for text in axes.texts}
    assert sum(isinstance(patch, FancyArrowPatch) for patch in axes.patches) == arrows
    assert sum(isinstance(patch, Polygon) for patch in axes.patches) == 2 * networks
    width, height = figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    plt.close(figure)


def test_a_scheme_has_words_and_another_name_is_refused():
    assert set(WORDS) == set(DRAWINGS) == set(PARTS)
    for name, words in WORDS.items():
        assert stills.scheme(name).alt == words
    with pytest.raises(ValueError, match="name must be one of 'autoencoder'"):
        stills.scheme("gan")
