"""The cache of the figures' models: whatever decides the weights decides the file, and no fault stops a figure."""

import functools
import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn as nn

import aecore as ae
from aecore._cache import cache_folder
from aecore.training import storage
from aelab.figures.kit import trained as module
from aelab.figures.kit.trained import trained

IMAGES = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
SCALE = 1.0


def vae(seed=0, activation=nn.Identity, **settings):
    torch.manual_seed(seed)
    return ae.VAE(ae.mlp([4, 4]), nn.Sequential(nn.Linear(2, 4), activation()), **settings)


def same(model, other):
    return all(torch.equal(mine, theirs) for mine, theirs in zip(model.parameters(), other.parameters(), strict=True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AECORE_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_warned", set())
    return tmp_path


@pytest.fixture
def trainings(monkeypatch):
    """One entry for each training."""
    ran, fit = [], module.fit
    monkeypatch.setattr(module, "fit", lambda *args, **settings: ran.append(settings) or fit(*args, **settings))
    return ran


class Weighted(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, model, x, target):
        return self.weight * sum(model.loss(x, target).values())


def spoiled(x):
    return SCALE * x


OTHER = {
    "nothing": (vae, {}),
    "beta": (lambda: vae(beta=4.0), {}),
    "likelihood": (lambda: vae(likelihood="gaussian"), {}),
    "initial weights": (lambda: vae(seed=1), {}),
    "activation": (lambda: vae(activation=nn.Tanh), {}),
    "setting": (vae, {"lr": 0.1}),
    "seed": (vae, {"seed": 1}),
    "images": (vae, {"images": IMAGES.flip(0)}),
    "corruption": (vae, {"corrupt": spoiled}),
    "loss that is a module": (vae, {"loss": Weighted(1.0)}),
    "number of a loss that is a module": (vae, {"loss": Weighted(2.0)}),
    "partial": (vae, {"corrupt": functools.partial(ae.mask, rate=0.2)}),
    "argument of a partial": (vae, {"corrupt": functools.partial(ae.mask, rate=0.3)}),
    "lambda": (vae, {"corrupt": lambda x: x * 0.5}),
    "lambda on the same line": (vae, {"corrupt": [lambda x: x * 0.5, lambda x: x * 0.4][1]}),
}


def test_whatever_decides_the_weights_decides_the_file(folder, trainings, monkeypatch):
    for count, (make, settings) in enumerate(OTHER.values(), 1):
        for _ in range(2):
            trained(make(), **{"images": IMAGES, "epochs": 1, **settings})
            assert len(list(folder.glob("*.safetensors"))) == count
            assert len(trainings) == count
    monkeypatch.setitem(globals(), "SCALE", 0.5)
    trained(vae(), IMAGES, epochs=1, corrupt=spoiled)
    assert len(trainings) == count + 1


def test_every_file_of_the_mathematics_decides_the_file(folder, tmp_path_factory, monkeypatch):
    copied = tmp_path_factory.mktemp("package") / "aecore"
    shutil.copytree(Path(ae.__file__).parent, copied, ignore=shutil.ignore_patterns("assets", "__pycache__"))
    monkeypatch.setattr(module.aecore, "__file__", str(copied / "__init__.py"))
    keys = {module._key(vae(), IMAGES, {})}
    sources = sorted(copied.rglob("*.py"))
    assert copied / "training" / "gradient.py" in sources
    for source in sources:
        source.write_text(source.read_text() + "\n# changed\n")
        keys.add(module._key(vae(), IMAGES, {}))
    assert len(keys) == len(sources) + 1


def test_code_of_the_figures_decides_the_file_where_they_are_installed_too(monkeypatch):
    monkeypatch.setattr(sys.modules["aelab"], "__file__", "/somewhere/site-packages/aelab/__init__.py")

    def corrupt(factor):
        variables = {"__name__": "aelab.figures.mine"}
        exec(f"def corrupt(x):\n    return {factor} * x", variables)
        return variables["corrupt"]

    half, again, quarter = (module._key(vae(), IMAGES, {"corrupt": corrupt(factor)}) for factor in (0.5, 0.5, 0.25))
    assert half == again != quarter


def test_the_version_of_torch_and_the_default_dtype_decide_the_file(monkeypatch):
    keys = {module._key(vae(), IMAGES, {})}
    monkeypatch.setattr(torch, "__version__", "0")
    keys.add(module._key(vae(), IMAGES, {}))
    monkeypatch.setattr(torch, "get_default_dtype", lambda: torch.float64)
    keys.add(module._key(vae(), IMAGES, {}))
    assert len(keys) == 3


def test_what_is_read_is_what_was_trained(folder, trainings):
    first, second = vae(beta=4.0), vae(beta=4.0)
    state = torch.get_rng_state()
    for model in (first, second):
        assert trained(model, IMAGES, epochs=2, lr=0.05) is model
    assert len(trainings) == 1
    assert same(first, second)
    assert not same(first, vae())
    assert not second.training
    assert torch.equal(torch.get_rng_state(), state)


def test_what_another_notebook_trained_meanwhile_is_read(folder, trainings, monkeypatch, tmp_path_factory):
    expected = trained(vae(), IMAGES, epochs=2)
    (file,) = folder.glob("*.safetensors")
    elsewhere = file.rename(tmp_path_factory.mktemp("elsewhere") / file.name)

    class Lock(module.FileLock):
        def __enter__(self):
            elsewhere.rename(file)
            return super().__enter__()

    monkeypatch.setattr(module, "FileLock", Lock)
    assert same(trained(vae(), IMAGES, epochs=2), expected)
    assert len(trainings) == 1


def test_any_model_is_read_as_it_was_trained(folder, trainings):
    def transposed():
        torch.manual_seed(0)
        model = ae.Autoencoder(nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), nn.Linear(2, 4))
        model.encoder[0].weight = nn.Parameter(torch.rand(4, 2).T)
        model.register_buffer("grid", torch.zeros(1, 4).expand(3, 4))
        return model

    first, second = (trained(transposed(), IMAGES, epochs=2) for _ in range(2))
    assert len(trainings) == 1
    assert same(first, second)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(first.buffers(), second.buffers(), strict=True))


def test_a_model_with_a_state_that_is_no_tensor_is_trained_each_time(folder, trainings):
    class Stateful(nn.Linear):
        def get_extra_state(self):
            return {"seen": 1}

        def set_extra_state(self, state):
            raise AssertionError

    for _ in range(2):
        trained(ae.Autoencoder(Stateful(4, 2), nn.Linear(2, 4)), IMAGES, epochs=1)
    assert len(trainings) == 2
    assert not list(folder.glob("*.safetensors"))


# The cache is dispensable


def expect_trained(trainings, match):
    """A model is trained in spite of a fault, and the fault is told once."""
    expected = vae()
    ae.fit(expected, IMAGES, epochs=2, device="cpu", progress=False)
    with pytest.warns(UserWarning, match=f"AECORE_CACHE must be a folder .*{match}") as warned:
        models = [trained(vae(), IMAGES, epochs=2) for _ in range(2)]
    assert all(same(model, expected) for model in models)
    assert len(warned) == 1
    return len(trainings)


@pytest.mark.parametrize("fault", ["truncated", "altered", "empty", "another kind"])
def test_a_file_that_is_spoiled_is_replaced(folder, trainings, fault):
    trained(vae(), IMAGES, epochs=2)
    (path,) = folder.glob("*.safetensors")
    content, state = path.read_bytes(), storage.read(path)[0]
    spoiled = {
        "truncated": content[:-9],
        "altered": content[:-9] + b"spoiled!!",
        "empty": b"",
        "another kind": b"GIF8",
    }
    path.write_bytes(spoiled[fault])
    assert expect_trained(trainings, "a file that `fit` wrote|as it was written") == 2
    assert all(torch.equal(tensor, state[name]) for name, tensor in storage.read(path)[0].items())


def test_a_folder_in_the_place_of_a_file(folder, trainings):
    (folder / f"{module._key(vae(), IMAGES, {'seed': 0, 'epochs': 2})}.safetensors").mkdir()
    assert expect_trained(trainings, "") == 2


def test_a_file_under_the_name_of_another_is_not_taken(folder, trainings):
    trained(vae(), IMAGES, epochs=1)
    (other,) = folder.glob("*.safetensors")
    path = folder / f"{module._key(vae(), IMAGES, {'seed': 0, 'epochs': 2})}.safetensors"
    other.rename(path)
    trained(vae(), IMAGES, epochs=2)
    assert len(trainings) == 2
    assert storage.read(path)[1] == path.stem


def test_a_folder_that_cannot_be_made(folder, trainings, monkeypatch):
    (folder / "file").touch()
    monkeypatch.setenv("AECORE_CACHE", str(folder / "file" / "cache"))
    assert expect_trained(trainings, "") == 2


def test_a_folder_that_cannot_be_written_is_read_all_the_same(folder, trainings, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "FileLock", refuse)
    monkeypatch.setattr(storage, "open", refuse, raising=False)
    assert expect_trained(trainings, "Permission denied") == 2
    assert list(folder.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("AECORE_CACHE", str(folder))
    trained(vae(), IMAGES, epochs=2)
    monkeypatch.setattr(module, "FileLock", refuse)
    monkeypatch.setattr(module, "fit", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(vae(), IMAGES, epochs=2)


@pytest.mark.parametrize("error", [NotImplementedError("no flock here"), OSError(37, "No locks available")])
def test_a_file_system_without_locks(folder, trainings, monkeypatch, error):
    class NoLock:
        def __init__(self, path):
            pass

        def __enter__(self):
            raise error

        def __exit__(self, *_):
            raise AssertionError

    monkeypatch.setattr(module, "FileLock", NoLock)
    assert expect_trained(trainings, "no flock here|No locks available") == 1


def test_a_full_disk(folder, trainings, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert expect_trained(trainings, "No space left") == 2
    assert not list(folder.glob("*.safetensors*"))
    assert not list(folder.glob(".*"))


def test_nobody_has_a_home(folder, trainings, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AECORE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert expect_trained(trainings, "Could not determine home") == 2


def test_where_the_cache_is(folder, trainings, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("USERPROFILE", str(folder / "home"))
    cases = [
        ({"AECORE_CACHE": "~/mine"}, "home/mine"),
        ({"AECORE_CACHE": "", "XDG_CACHE_HOME": str(folder / "xdg")}, "xdg/aecore/models"),
        ({"XDG_CACHE_HOME": "not/absolute"}, "home/.cache/aecore/models"),
        ({"XDG_CACHE_HOME": ""}, "home/.cache/aecore/models"),
    ]
    for variables, expected in cases:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert module._path("key") == folder / expected / "key.safetensors"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == folder / "home" / ".cache" / "aecore"
    trained(vae(), IMAGES, epochs=1)
    assert len(list((folder / "home/.cache/aecore/models").glob("*.safetensors"))) == 1


def test_ctrl_c_leaves_no_model_that_is_half_trained(folder):
    def interrupt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(vae(), IMAGES, epochs=2, corrupt=interrupt)
    assert not list(folder.glob("*.safetensors"))


def test_the_number_of_threads_is_given_back(folder):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trained(vae(), IMAGES, epochs=1)
        with pytest.raises(ZeroDivisionError):
            trained(vae(), IMAGES, epochs=1, corrupt=lambda x: 1 / 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
