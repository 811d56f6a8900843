"""`make bundle`: what is in the zip, and that it opens from a folder."""

import re
import zipfile

import nbformat
import pytest
from aebook.bundle import sources as modules
from project import ROOT
from stick import NAME, write_zip


@pytest.fixture(scope="module")
def unpacked(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stick")
    build = folder / "build"
    build.mkdir()
    (build / "html").symlink_to(site)
    with zipfile.ZipFile(write_zip(build, folder / "book.zip")) as bundle:
        bundle.extractall(folder)
    return folder / NAME


def test_holds_the_site_the_notebooks_and_the_wheel(site, unpacked):
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    pages = {f"book/{path.relative_to(site)}" for path in site.rglob("*.html")}
    lectures = {path.name for path in (ROOT / "chapters").glob("*.ipynb")}
    assert pages <= files
    assert {name.removeprefix("notebooks/") for name in files if name.startswith("notebooks/")} == lectures
    for path in (unpacked / "notebooks-without-solutions").glob("*.ipynb"):
        assert not any("solution" in cell.metadata.get("tags", []) for cell in nbformat.read(path, as_version=4).cells)
    (wheel,) = unpacked.glob("*.whl")
    with zipfile.ZipFile(wheel) as package:
        packed = set(package.namelist())
    sources = [path for name in ("aecore", "aelab") for path in (ROOT / name).rglob("*")]
    wanted = [path for path in sources if path.suffix in (".py", ".js", ".css", ".json")]
    assert {str(path.relative_to(ROOT)) for path in wanted} <= packed
    assert {f"aelab/figures/dist/{path.name}" for path in modules()} <= packed
    assert {f"aecore/assets/{path.name}" for path in (ROOT / "aecore" / "assets").iterdir()} <= packed


def test_every_link_of_its_first_page_leads_somewhere(site, unpacked):
    links = re.findall(r'href="([^"]*)"', (unpacked / "index.html").read_text("utf-8"))
    assert links[0] == "book/index.html"
    assert len(links) == 1 + len(list((site / "slides").glob("*.html")))
    assert all((unpacked / link).is_file() for link in links)


def test_opens_without_a_network(light, unpacked):
    page = light.open((unpacked / "index.html").as_uri())
    page.get_by_text("Read the book").click()
    page.wait_for_selector("article h1")
    assert light.problems == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in light.requests)
