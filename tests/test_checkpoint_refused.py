"""A checkpoint that is spoiled or of another run is refused by name, and nothing is changed."""

import copy
import functools
import json
import math
import os
import subprocess
import sys

import pytest
import torch
import torch.nn as nn
from safetensors.torch import save_file
from training_runs import IMAGES, RUN, fresh_vae, same_parameters, unchanged

import aecore as ae
from aecore.training import checkpoint as checkpoints
from aecore.training import storage
from aecore.training.processes import Processes

CPU = torch.device("cpu")


def truncated(path):
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path):
    path.write_bytes(b"")


def altered(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def altered_history(path):
    path.write_bytes(path.read_bytes().replace(b"interrupted", b"interrupteD"))


def foreign(path):
    save_file({"weight": torch.zeros(3)}, path)


def pickled(path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(path) + ".executed",)

    torch.save({"model": Trap()}, path)


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [truncated, emptied, altered, altered_history, foreign, pickled, folder])
def test_a_spoiled_checkpoint_is_refused_by_name_and_executes_nothing(checkpoint, spoil):
    spoil(checkpoint)
    model, untouched = fresh_vae().eval(), fresh_vae()
    with pytest.raises(ValueError, match=f"checkpoint must .* got .*{checkpoint.name}"):
        ae.fit(model, IMAGES, epochs=2, **RUN, checkpoint=checkpoint)
    assert same_parameters(model, untouched)
    assert not model.training
    assert os.listdir(checkpoint.parent) == [checkpoint.name]


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"lr": 0.1}, "lr 0.005, now 0.1"), ({"seed": 4}, "seed 3, now 4"), ({"batch_size": 8}, "batch_size 16, now 8")],
)
def test_a_checkpoint_of_other_settings_is_refused_naming_what_differs(checkpoint, changed, told):
    with pytest.raises(ValueError, match=f"of another run: {told}"):
        ae.fit(fresh_vae(), IMAGES, epochs=2, **{**RUN, **changed}, checkpoint=checkpoint)


@pytest.mark.parametrize(
    "other", [IMAGES[:40], IMAGES.flip(0), IMAGES.double(), IMAGES.index_fill(0, torch.tensor(3), 0.5)]
)
def test_a_checkpoint_of_other_data_or_another_order_is_refused(checkpoint, other):
    with pytest.raises(ValueError, match="of another run: data"):
        ae.fit(fresh_vae(), other, epochs=2, **RUN, checkpoint=checkpoint)


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(checkpoint):
    def wider():
        torch.manual_seed(1)
        return ae.VAE(fresh_vae().encoder, nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 6)))

    model, untouched = wider(), wider()
    with pytest.raises(ValueError, match=r"of another run: model\.decoder 'Linear', now 'Sequential'"):
        ae.fit(model, IMAGES, epochs=2, **RUN, checkpoint=checkpoint)
    assert same_parameters(model, untouched)


# Of another run


def vae(likelihood="bernoulli", activation=nn.Tanh, dropout=0.2, frozen=False, kind=ae.VAE, **settings):
    torch.manual_seed(7)
    encoder = nn.Sequential(nn.Linear(6, 16), nn.Dropout(dropout), activation(), nn.Linear(16, 4))
    return kind(encoder, nn.Linear(2, 6).requires_grad_(not frozen), likelihood, **settings)


def halved(model):
    model.loss = lambda x, target: 0.5 * sum(ae.VAE.loss(model, x, target).values())
    return model


class Doubled(ae.VAE):
    def loss(self, x, target=None):
        return 2 * sum(super().loss(x, target).values())


def weighted(weight):
    return lambda model, x, target: weight * sum(model.loss(x, target).values())


class Weighted(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight))

    def forward(self, model, x, target):
        return self.weight * sum(model.loss(x, target).values())


OTHER = {
    "beta": (vae, lambda: vae(beta=20.0), {}, {}, r"model\.beta 1\.0, now 20\.0"),
    "sigma": (
        lambda: vae("gaussian", sigma=1.0),
        lambda: vae("gaussian", sigma=0.5),
        {},
        {},
        r"model\.sigma 1\.0, now 0\.5",
    ),
    "likelihood": (vae, lambda: vae("gaussian"), {}, {}, r"model\.likelihood 'bernoulli', now 'gaussian'"),
    "activation": (vae, lambda: vae(activation=nn.ReLU), {}, {}, r"model\.encoder\.2 'Tanh', now 'ReLU'"),
    "dropout": (vae, lambda: vae(dropout=0.5), {}, {}, r"model\.encoder\.1\.p 0\.2, now 0\.5"),
    "frozen": (vae, lambda: vae(frozen=True), {}, {}, r"model\.decoder\.weight\.requires_grad True, now False"),
    "class": (vae, lambda: vae(kind=Doubled), {}, {}, "model 'VAE', now 'Doubled'"),
    "own loss of a model": (vae, lambda: halved(vae()), {}, {}, r"model\.loss missing, now 'function <lambda>"),
    "loss": (vae, vae, {}, {"loss": weighted(1.0)}, "loss None, now 'function <lambda>"),
    "closure of the loss": (vae, vae, {"loss": weighted(1.0)}, {"loss": weighted(0.5)}, r"loss\.weight 1\.0, now 0\.5"),
    "loss that is a module": (
        vae,
        vae,
        {"loss": Weighted(1.0)},
        {"loss": Weighted(0.5)},
        r"loss\.weight '\(\) torch\.float32",
    ),
    "corruption": (vae, vae, {}, {"corrupt": None}, "corrupt 'function noisy, code [0-9a-f]+', now None"),
    "argument of the corruption": (
        vae,
        vae,
        {"corrupt": functools.partial(ae.mask, rate=0.2)},
        {"corrupt": functools.partial(ae.mask, rate=0.5)},
        r"corrupt\.rate 0\.2, now 0\.5",
    ),
}


@pytest.mark.parametrize("what", OTHER)
def test_a_checkpoint_of_another_objective_is_refused_naming_what_differs(tmp_path, what):
    make, make_other, options, other_options, expected = OTHER[what]
    path = tmp_path / "run"
    ae.fit(make(), IMAGES, epochs=1, **RUN | options, checkpoint=path)
    with unchanged(make_other().eval(), path) as model, pytest.raises(ValueError, match=f"of another run: {expected}"):
        ae.fit(model, IMAGES, epochs=2, **RUN | other_options, checkpoint=path)
    assert ae.fit(make(), IMAGES, epochs=2, **RUN | options, checkpoint=path).epochs == [1, 2]


# Spoiled on purpose: the digest is right, something else is not


def without(prefix):
    return lambda tensors, about: [tensors.pop(name) for name in list(tensors) if name.startswith(prefix)]


def other_tensor(name, value):
    return lambda tensors, about: tensors.update({name: value})


FORGED = {
    "older format": (lambda tensors, about: about.pop("format"), "format 2, got .* of format 1"),
    "newer format": (lambda tensors, about: about.update(format=3), "format 2, got .* of format 3"),
    "no run": (lambda tensors, about: about.pop("run"), "of another kind"),
    "strange history": (lambda tensors, about: about["history"].update(colour=[]), "of another kind"),
    "a setting more": (lambda tensors, about: about["run"].update(clip=1.0), "another run: clip 1.0, now missing"),
    "a weight less": (without("model.decoder.bias"), r"another run: decoder\.bias missing, now '\(6,\)"),
    "a weight more": (
        other_tensor("model.more", torch.ones(2)),
        r"another run: more '\(2,\) torch\.float32', now missing",
    ),
    "a longer weight": (other_tensor("model.decoder.bias", torch.ones(7)), r"decoder\.bias '\(7,\) .*, now '\(6,\)"),
    "another dtype": (
        other_tensor("model.decoder.bias", torch.ones(6).int()),
        r"decoder\.bias .*int32', now .*float32'",
    ),
    "a longer moment": (other_tensor("optimizer.0.exp_avg", torch.ones(7)), r"0\.exp_avg '\(7,\)"),
    "a moment of no weight": (other_tensor("optimizer.99.step", torch.ones(())), r"99\.step '\(\)"),
    "a moment of no number": (other_tensor("optimizer.x", torch.ones(())), r"x '\(\)"),
    "no random state": (without("random"), "cpu missing, now"),
    "a shorter random state": (other_tensor("random.0.cpu", torch.ones(7).byte()), r"cpu '\(7,\)"),
}


@pytest.mark.parametrize("what", FORGED)
def test_nothing_is_restored_unless_everything_fits(checkpoint, what):
    forge, expected = FORGED[what]
    tensors, text = storage.read(checkpoint)
    about = json.loads(text)
    forge(tensors, about)
    storage.write(checkpoint, tensors, json.dumps(about))
    with unchanged(fresh_vae().eval(), checkpoint) as model:
        optimizer = torch.optim.Adam(model.parameters())
        before = copy.deepcopy(optimizer.state_dict())
        with pytest.raises(ValueError, match=f"checkpoint must .*{expected}"):
            ae.fit(model, IMAGES, epochs=2, **RUN, checkpoint=checkpoint)
        with pytest.raises(ValueError, match="checkpoint must"):
            checkpoints.load(checkpoint, model, optimizer, about.get("run", {}) | {"clip": None}, Processes(CPU))
        assert optimizer.state_dict() == before


def test_a_tensor_read_as_another_dtype_or_shape_is_altered(checkpoint):
    content = checkpoint.read_bytes()
    for then, now in (b'"F32"', b'"I32"'), (b"[16,6]", b"[6,16]"):
        assert then in content
        checkpoint.write_bytes(content.replace(then, now))
        with pytest.raises(ValueError, match="altered"):
            ae.fit(fresh_vae(), IMAGES, epochs=2, **RUN, checkpoint=checkpoint)


@pytest.mark.parametrize("where", ["a weight", "a moment"])
def test_nan_is_never_saved_over_a_good_checkpoint(checkpoint, where):
    model = fresh_vae()
    optimizer = torch.optim.Adam(model.parameters())
    model.loss(IMAGES)["kl"].sum().backward()
    optimizer.step()
    weight = model.encoder[0].weight
    tensor = weight.data if where == "a weight" else optimizer.state[weight]["exp_avg"]
    tensor[0, 0] = math.nan
    content = checkpoint.read_bytes()
    with pytest.raises(FloatingPointError, match=r"weights must be finite to be saved, got .* after epoch 3"):
        checkpoints.save(checkpoint, model, optimizer, {}, ae.History(epochs=[3]), Processes(CPU))
    assert checkpoint.read_bytes() == content


IN_MAIN = """
import sys, torch, aecore as ae
torch.set_num_threads(1)
scale, words = float(sys.argv[1]), {"some", "words", "in", "a", "set"}

def penalised(model, x, target):
    return scale * model.loss(x, target) + (1 if "words" in {"some", "words", "more"} and "set" in words else 0)

torch.manual_seed(0)
model = ae.Autoencoder(ae.mlp([6, 4]), torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Sigmoid()))
history = ae.fit(model, torch.linspace(0, 1, 60).view(10, 6), epochs=int(sys.argv[2]), device="cpu", progress=False,
    loss=penalised, corrupt=lambda x: ae.mask(x, 0.2), checkpoint="run")
print(history.epochs)
"""


def test_functions_without_source_resume_in_another_process(tmp_path):
    def run(scale, epochs, seed_of_hashes):
        command = [sys.executable, "-c", IN_MAIN, str(scale), str(epochs)]
        environment = os.environ | {"PYTHONHASHSEED": str(seed_of_hashes)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert run(1.0, 1, 1).stdout == "[1]\n"
    assert run(1.0, 2, 2).stdout == "[1, 2]\n"
    refused = run(2.0, 3, 3)
    assert refused.returncode
    assert "of another run: loss.scale 1.0, now 2.0" in refused.stderr
