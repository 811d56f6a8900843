"""The digits are LeCun's to the byte; a spoiled file, a missing network or a wrong rate does not pass unseen."""

import hashlib
import struct
import urllib.error

import numpy as np
import pytest
import torch
import torchvision

import aecore as ae

# Of the four files at yann.lecun.com, unpacked.
PUBLISHED = {
    ("train", "images"): "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ("test", "images"): "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ("train", "labels"): "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ("test", "labels"): "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# Embedded sets


@pytest.mark.parametrize("split", ["train", "test"])
def test_mnist_is_the_published_one_to_the_byte(split):
    images, labels = ae.mnist(split)
    pixels = (images * 255).round().to(torch.uint8).squeeze(1).numpy()
    idx_images = struct.pack(">4i", 0x803, len(pixels), 28, 28) + pixels.tobytes()
    idx_labels = struct.pack(">2i", 0x801, len(labels)) + labels.to(torch.uint8).numpy().tobytes()
    assert hashlib.sha256(idx_images).hexdigest() == PUBLISHED[split, "images"]
    assert hashlib.sha256(idx_labels).hexdigest() == PUBLISHED[split, "labels"]


@pytest.mark.parametrize(("load", "count"), [(lambda: ae.mnist("test"), 10_000), (ae.fashion_mnist, 2_000)])
def test_an_embedded_set_has_the_books_format(load, count):
    images, labels = load()
    assert images.shape == (count, 1, 28, 28)
    assert labels.shape == (count,)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert (images.min(), images.max()) == (0, 1)
    assert sorted(labels.unique().tolist()) == list(range(10))


def test_a_caller_who_writes_into_the_images_does_not_spoil_the_next_call():
    ae.fashion_mnist()[0].zero_()
    assert ae.fashion_mnist()[0].max() == 1


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """A copy of the small embedded file that a test may spoil."""
    name = "fashion_mnist_test.npz"
    path = tmp_path / name
    path.write_bytes((ae.data._ASSETS / name).read_bytes())
    monkeypatch.setattr(ae.data, "_ASSETS", tmp_path)
    ae.data._embedded.cache_clear()
    yield path
    ae.data._embedded.cache_clear()


def truncate(content):
    return content[: len(content) // 2]


def alter(content):
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize("spoil", [truncate, alter, lambda content: b""])
def test_a_spoiled_file_is_refused_with_its_name_and_both_checksums(assets, spoil):
    expected = hashlib.sha256(assets.read_bytes()).hexdigest()
    assets.write_bytes(spoil(assets.read_bytes()))
    found = hashlib.sha256(assets.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=f"{assets.name} must have SHA-256 {expected}, got {found}"):
        ae.fashion_mnist()


def test_a_missing_file_is_refused_with_its_name_and_checksum(assets):
    expected = hashlib.sha256(assets.read_bytes()).hexdigest()
    assets.unlink()
    with pytest.raises(FileNotFoundError, match=f"{assets.name}.*{expected}"):
        ae.fashion_mnist()


def test_a_pickle_in_an_archive_is_never_loaded(assets, monkeypatch):
    np.savez(assets, test_images=np.array([print], dtype=object))
    monkeypatch.setitem(ae.data._SHA256, assets.name, hashlib.sha256(assets.read_bytes()).hexdigest())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        ae.fashion_mnist()


# torchvision's sets


def fake(data, targets, calls=None):
    class Fake:
        def __init__(self, root, train, download):
            if calls is not None:
                calls.append((root, train, download))
            self.data, self.targets = data, targets

    return Fake


@pytest.mark.parametrize(
    ("name", "data", "targets", "shape"),
    [
        ("KMNIST", torch.full((3, 28, 28), 255, dtype=torch.uint8), torch.tensor([0, 1, 2]), (3, 1, 28, 28)),
        ("CIFAR10", np.full((3, 32, 30, 3), 255, dtype=np.uint8), [0, 1, 2], (3, 3, 32, 30)),
        ("QMNIST", torch.full((3, 28, 28), 255, dtype=torch.uint8), torch.arange(3)[:, None] + 0 * torch.arange(8),
         (3, 1, 28, 28)),
    ],
)  # fmt: skip
def test_a_torchvision_set_comes_in_the_books_format(monkeypatch, tmp_path, name, data, targets, shape):
    calls = []
    monkeypatch.setattr(torchvision.datasets, name, fake(data, targets, calls))
    images, labels = ae.dataset(name, "test", root=tmp_path)
    assert calls == [(str(tmp_path), False, True)]
    assert images.shape == shape
    assert images.dtype == torch.float32
    assert (images == 1).all()
    assert labels.dtype == torch.int64
    assert labels.tolist() == [0, 1, 2]


def test_colour_channels_stay_with_their_pixels(monkeypatch, tmp_path):
    data = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fake(data, [0, 1]))
    images, _ = ae.dataset("CIFAR10", root=tmp_path)
    assert images[1, 2, 3, 4].item() == pytest.approx(data[1, 3, 4, 2] / 255)


@pytest.mark.parametrize("error", [urllib.error.URLError("no route"), RuntimeError("not found or corrupted")])
def test_without_a_network_one_error_says_what_to_do(monkeypatch, tmp_path, error):
    def offline(*args, **kwargs):
        raise error

    monkeypatch.setattr(torchvision.datasets, "KMNIST", offline)
    with pytest.raises(ConnectionError, match=r"KMNIST.*could not be downloaded.*copy.*aecore\.mnist\(\)") as caught:
        ae.dataset("KMNIST", root=tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.__cause__ is error


def test_downloads_go_to_the_users_cache_unless_told_otherwise(monkeypatch, tmp_path):
    calls = []
    data, targets = torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1)
    monkeypatch.setattr(torchvision.datasets, "KMNIST", fake(data, targets, calls))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ae.dataset("KMNIST")
    assert calls == [(str(tmp_path / "aecore"), True, True)]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ae.dataset("KMNIST")
    ae.dataset("KMNIST", root="~/sets")
    folders = [tmp_path / "home" / ".cache" / "aecore", tmp_path / "home" / "sets"]
    assert [folder for folder, *_ in calls[1:]] == [str(folder) for folder in folders]


def test_a_user_without_a_home_is_asked_for_a_folder(monkeypatch, tmp_path):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(ae.data.Path, "home", no_home)
    with pytest.raises(ValueError, match="root must be given where the user has no home, got None"):
        ae.dataset("KMNIST")


# Corruption

N = 200_000
HALF_GREY = torch.full((N,), 0.5)


def within_four_standard_errors(found, rate):
    return abs(found.float().mean().item() - rate) <= 4 * (rate * (1 - rate) / N) ** 0.5


@pytest.mark.parametrize("rate", [0, 0.1, 0.25, 0.7, 1])
def test_masking_blackens_the_asked_share_of_pixels_and_leaves_the_rest(rate):
    y = ae.mask(HALF_GREY, rate, generator=seeded())
    assert within_four_standard_errors(y == 0, rate)
    assert ((y == 0) | (y == 0.5)).all()


@pytest.mark.parametrize("rate", [0, 0.1, 0.5, 1])
def test_salt_and_pepper_are_equally_frequent_and_leave_the_rest(rate):
    y = ae.salt_and_pepper(HALF_GREY, rate, generator=seeded())
    assert within_four_standard_errors(y == 0, rate / 2)
    assert within_four_standard_errors(y == 1, rate / 2)
    assert within_four_standard_errors(y == 0.5, 1 - rate)


@pytest.mark.parametrize("std", [0, 0.3, 2])
def test_gaussian_noise_has_mean_zero_and_the_asked_deviation(std):
    noise = ae.add_gaussian(HALF_GREY, std, generator=seeded()) - 0.5
    assert abs(noise.mean()) <= 4 * std / N**0.5
    assert noise.std().item() == pytest.approx(std, rel=0.01)


def test_salt_and_pepper_of_bytes_is_refused():
    """White is 1 here; among 0 to 255 it would be nearly black."""
    with pytest.raises(ValueError, match=r"x must be at most 1, got 255.0"):
        ae.salt_and_pepper(torch.full((3,), 255.0), 0.5)


def test_dynamic_binarization_draws_each_pixel_with_its_grey_value():
    for grey in (0.0, 0.2, 0.9, 1.0):
        drawn = ae.binarize(torch.full((N,), grey), generator=seeded())
        assert within_four_standard_errors(drawn, grey)
        assert ((drawn == 0) | (drawn == 1)).all()


def test_threshold_binarization_needs_no_randomness():
    x = torch.tensor([0.0, 0.49, 0.5, 0.51, 1.0])
    assert ae.binarize(x, mode="threshold").tolist() == [0, 0, 0, 1, 1]


NOISES = {
    "mask": lambda x, **kw: ae.mask(x, 0.3, **kw),
    "add_gaussian": lambda x, **kw: ae.add_gaussian(x, 0.3, **kw),
    "salt_and_pepper": lambda x, **kw: ae.salt_and_pepper(x, 0.3, **kw),
    "binarize": lambda x, **kw: ae.binarize(x, **kw),
}


@pytest.mark.parametrize("name", NOISES)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    noise, x = NOISES[name], torch.full((1000,), 0.5)
    assert torch.equal(noise(x, generator=seeded(3)), noise(x, generator=seeded(3)))
    assert not torch.equal(noise(x, generator=seeded(3)), noise(x, generator=seeded(4)))
    torch.manual_seed(3)
    first, second = noise(x), noise(x)
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    assert torch.equal(noise(x), first)


@pytest.mark.parametrize("name", NOISES)
def test_a_generator_leaves_the_global_randomness_alone_and_the_input_unchanged(name):
    x, state = torch.full((100,), 0.5, dtype=torch.float64), torch.get_rng_state()
    y = NOISES[name](x, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)
    assert (x == 0.5).all()
    assert y.dtype == torch.float64
