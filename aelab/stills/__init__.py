"""The still pictures of the lectures: light, dark, and in words.

`images.py`, `plotting.py` and `vectors.py` draw results, `schemes.py` the models; `checks.py` refuses what they cannot
draw, `picture.py` shows what was drawn, `style.py` holds the colours of the whole book. `tables.py` sets numbers in
rows and columns.
"""

from aelab.stills.images import decoded_grid, image_rows
from aelab.stills.picture import Picture
from aelab.stills.plotting import density, latent_scatter, lines
from aelab.stills.schemes import scheme
from aelab.stills.tables import Table, columns_of, mean_and_spread, table
from aelab.stills.vectors import arrows

__all__ = [
    "Picture",
    "Table",
    "arrows",
    "columns_of",
    "decoded_grid",
    "density",
    "image_rows",
    "latent_scatter",
    "lines",
    "mean_and_spread",
    "scheme",
    "table",
]
