"""`make slides`: the decks anew, from the notebooks as they are now and the outputs of the last `make book`."""

import sys
from pathlib import Path

from aebook.slides import write_decks
from project import ROOT

if __name__ == "__main__":
    build = Path(sys.argv[1])
    for deck in write_decks(ROOT / "chapters", build / ".jupyter_cache", build / "html"):
        print(deck)
