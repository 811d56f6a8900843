"""Interactive figures that live in Jupyter, in Colab, and on the published page without a kernel.

Every `.py` file of this folder that defines a `Figure` is found by itself; its mathematics and its drawing are in the
`.js` file beside it. `README.md` in this folder shows how to add one.

Example:
    >>> from aelab import figures
    >>> figures.BernoulliKL(rho=0.1)
    BernoulliKL(rho=0.1, rho_hat=0.06)
"""

import sys
from importlib import import_module
from pkgutil import iter_modules

from aelab.figures.frames import Frames, frames
from aelab.figures.kit.base import Figure

if "google.colab" in sys.modules:  # Colab shows third-party widgets only when told to
    from google.colab import output

    output.enable_custom_widget_manager()

FIGURES: dict[str, type[Figure]] = {}
for _module in iter_modules(__path__):
    for _name, _value in vars(import_module(f"{__name__}.{_module.name}")).items():
        if isinstance(_value, type) and issubclass(_value, Figure) and _value.in_gallery and _value is not Figure:
            FIGURES[_name] = globals()[_name] = _value

__all__ = ["FIGURES", "Figure", "Frames", "frames", *sorted(set(FIGURES) - {"Frames"})]
