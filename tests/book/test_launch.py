"""The buttons of a page: Colab opens the very notebook that the page was made of."""

from project import ROOT, address, notebooks, spellings

from .test_pages import soup


def test_the_colab_button_opens_the_notebook_of_the_page(site):
    names = [str(path.relative_to(ROOT).with_suffix("")) for path in notebooks()]
    built = [name for name in names if (site / f"{name}.html").is_file()]
    assert {"index", "errata", "figures"} < set(built)
    for name in built:
        page = soup(site, f"{name}.html")
        (button,) = page.select('.dropdown-launch-buttons a[href^="https://colab"]')
        repository = f"https://colab.research.google.com/github/{spellings(address())[0]}"
        assert button["href"] == f"{repository}/blob/main/{name}.ipynb"
        assert "Installs aecore" not in page.get_text(), "the first cell is not for readers"
