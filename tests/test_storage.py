"""Where a checkpoint is written, and what becomes of it on a full, slow or read-only disk."""

import errno
import os
import stat
from pathlib import Path

import pytest
import torch
from training_runs import IMAGES, RUN, fresh_vae, never, unchanged

import aecore as ae
from aecore.training import storage
from aecore.training.identity import fingerprint


def test_a_home_is_found_and_a_link_stays_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk" / "file")
    for epochs in (1, 2):
        assert ae.fit(fresh_vae(), IMAGES, epochs=epochs, **RUN, checkpoint="~/run").epochs[-1] == epochs
    assert (tmp_path / "run").is_symlink()
    assert os.listdir(tmp_path / "disk") == ["file"]
    assert sorted(os.listdir(tmp_path)) == ["disk", "run"]


NO_FILES = ["folder", "file/run", "file/deep/run", "pipe", "zero\0", "n" * 300, "loop", "~no-one/run"]


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_path_where_no_file_can_be_is_refused_before_training(tmp_path, kind):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    path = kind if kind[0] == "~" else f"{tmp_path}/{kind}"
    for options in ({"loss": never}, {"loss": never, "epochs": 2}):
        with (
            unchanged(fresh_vae().eval(), tmp_path / "file") as model,
            pytest.raises(ValueError, match="checkpoint must be a file that can be written, got '"),
        ):
            ae.fit(model, IMAGES, **{"epochs": 1, **RUN, **options}, checkpoint=path)


def test_a_folder_without_permission_is_refused_before_training(tmp_path, monkeypatch):
    def touch(self):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", touch)  # the tests may run as root, who may write everywhere
    with pytest.raises(ValueError, match=r"checkpoint must be a file that can be written, got .*: Permission"):
        ae.fit(fresh_vae(), IMAGES, epochs=1, **{**RUN, "loss": never}, checkpoint=tmp_path / "deep" / "run")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_and_leaves_the_old_checkpoint(checkpoint, monkeypatch):
    class Full:
        def __init__(self, path, mode):
            self.file = open(path, mode)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, whole):
            self.file.write(whole[: len(whole) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    content = checkpoint.read_bytes()
    monkeypatch.setattr(storage, "open", Full, raising=False)
    with pytest.raises(OSError, match=f"checkpoint must be written, got .*{checkpoint.name}: No space") as raised:
        ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=checkpoint)
    assert raised.value.errno == errno.ENOSPC
    assert checkpoint.read_bytes() == content
    assert os.listdir(checkpoint.parent) == [checkpoint.name]


def test_a_folder_that_cannot_be_flushed_holds_checkpoints_and_a_broken_disk_does_not(tmp_path, monkeypatch):
    path, fsync = tmp_path / "run", os.fsync

    def failing(code, of_folders):
        def sync(file):
            if stat.S_ISDIR(os.fstat(file).st_mode) == of_folders:
                raise OSError(code, os.strerror(code))
            fsync(file)

        monkeypatch.setattr(os, "fsync", sync)

    failing(errno.EINVAL, True)
    assert ae.fit(fresh_vae(), IMAGES, epochs=1, **RUN, checkpoint=path).epochs == [1]
    failing(errno.EINVAL, False)
    assert ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=path).epochs == [1, 2]
    content = path.read_bytes()
    failing(errno.EIO, False)
    with pytest.raises(OSError, match="checkpoint must be written"):
        ae.fit(fresh_vae(), IMAGES, epochs=3, **RUN, checkpoint=path)
    assert path.read_bytes() == content


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    left, others = {".run.1", ".run.4711"}, {".run.txt", ".runs.12", "run.12", ".run", ".other.12"}
    for name in left | others:
        (tmp_path / name).write_text("half a checkpoint")
    ae.fit(fresh_vae(), IMAGES, epochs=1, **RUN, checkpoint=tmp_path / "run")
    assert set(os.listdir(tmp_path)) == others | {"run"}


@pytest.mark.parametrize(
    "tensor",
    [
        torch.rand(3, 4).T,
        torch.rand(1, 4).expand(3, 4),
        torch.rand(0, 4),
        torch.tensor(2.0),
        torch.rand(3).bfloat16(),
        torch.rand(3) > 0.5,
        torch.rand(2, dtype=torch.complex64).conj(),
        torch.eye(2).to_sparse(),
    ],
)
def test_every_kind_of_tensor_has_a_fingerprint(tensor):
    assert fingerprint(tensor) == fingerprint(tensor.clone())
    if tensor.numel():
        assert fingerprint(tensor) != fingerprint(~tensor if tensor.dtype == torch.bool else tensor * 2)
