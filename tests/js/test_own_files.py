"""The reader's own data and models: files that are read, and refused in words that help."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest
import safetensors.torch
import torch
from aebook.bundle import TRAIN

import aecore as ae
from aelab.figures import TrainVAE
from aelab.figures.kit.assets import digits

from .conftest import source

FILES, OWN, SAFE, DIGITS = (source(TRAIN / f"{name}.js") for name in ("files", "own", "safetensors", "digits"))
MODEL = "(m, view, kind) => m.model(new Uint8Array(view.buffer), kind)"


def vae(hidden=(20,), latent=3):
    torch.manual_seed(1)
    return ae.VAE(ae.mlp([784, *hidden, 2 * latent]), ae.mlp([latent, *hidden[::-1], 784]))


@pytest.mark.parametrize("hidden", [(20,), (30, 10), ()])
def test_a_model_of_aecore_is_read(js, hidden):
    model = vae(hidden)
    found = js.run(SAFE, MODEL, safetensors.torch.save(model.state_dict()), "vae")
    assert found["encoder"] == [784, *hidden, 6]
    assert found["decoder"] == [3, *hidden[::-1], 784]
    linear = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    for got, part in zip(found["weights"], linear, strict=True):
        np.testing.assert_array_equal(np.float32(got["weight"]), part.weight.detach().numpy().ravel())
        np.testing.assert_array_equal(np.float32(got["bias"]), part.bias.detach().numpy())


def test_a_model_that_is_saved_is_read_by_aecore(js):
    model = vae()
    code = (
        "(m, view) => { const { weights, encoder } = m.model(new Uint8Array(view.buffer), 'vae');"
        " return m.write(weights, encoder.length - 1, { likelihood: 'bernoulli' }); }"
    )
    file = bytes(js.run(SAFE, code, safetensors.torch.save(model.state_dict())))
    tensors = safetensors.torch.load(file)
    other = vae()
    other.load_state_dict(tensors)
    for name, value in model.state_dict().items():
        assert torch.equal(value, tensors[name])
    length = struct.unpack("<Q", file[:8])[0]
    assert length % 8 == 0
    assert json.loads(file[8 : 8 + length])["__metadata__"] == {"likelihood": "bernoulli"}
    assert TrainVAE(other, latent=3).trained_model().latent_dim == 3


def changed(**tensors):
    state = {**vae().state_dict(), **tensors}
    return safetensors.torch.save({name: value for name, value in state.items() if value is not None})


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"abc", "must be in the safetensors format, got 3 bytes"),
        (b"PK\x03\x04" + bytes(40), "got no header"),
        (struct.pack("<Q", 4) + b"{ab}", "a header that is no JSON"),
        (changed()[:-9], "a file that is cut off at"),
        (
            changed(**{"encoder.1.weight": torch.zeros(20, 784).double()}),
            "encoder.1.weight must be of float32, got F64",
        ),
        (changed(**{"encoder.1.weight": torch.zeros(20, 100)}), "encoder must go from 784 to 6, got 100 to 6"),
        (
            changed(**{"encoder.1.weight": torch.zeros(20, 1, 28, 28)}),
            r"of a linear layer, got shape \(20, 1, 28, 28\)",
        ),
        (changed(**{"encoder.1.bias": None}), "encoder.1.weight must have 20 biases, got none"),
        (changed(**{"decoder.3.weight": torch.zeros(784, 21)}), "decoder must be a chain, got 3, 20, 784"),
        (changed(**{"decoder.3.weight": torch.full((784, 20), float("nan"))}), "decoder.3.weight must be finite"),
        (safetensors.torch.save({"w": torch.zeros(3)}), 'must have "encoder.1.weight", got w'),
        (safetensors.torch.save(vae((2000,)).state_dict()), "at most 1024 wide, got 2000"),
    ],
)
def test_another_file_is_refused(js, file, words):
    with pytest.raises(RuntimeError, match=words):
        js.run(SAFE, MODEL, file, "vae")


def row(values, label=None):
    return ",".join(map(str, values if label is None else [label, *values]))


def test_tables(js):
    grey = list(range(256)) * 3 + [0] * 16
    first, second = [0.5] * 783 + [1], [0] * 784
    head = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    table = "(m, text) => m.table(text)"
    found = js.run(FILES, table, f"{head}\n{row(grey, 7)}\n\n{row(second, 2)}\r\n")
    assert found["labels"] == [7, 2]
    assert found["pixels"] == grey + second
    found = js.run(FILES, table, f"{row(first)}\n{row(second)}")  # from 0 to 1
    assert found["labels"] == [255, 255]
    assert found["pixels"] == [128] * 783 + [255] + second


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "rows of 784 numbers, got none"),
        ("1,2,3", "row 1 must have 784 numbers, or 785 with the class first, got 3"),
        (row([0] * 784) + "\n" + row([0] * 783), "row 2 must have 784 numbers"),
        (row([0] * 784) + "\n" + row([300, *[0] * 783]), "row 2 must have numbers from 0 to 255, got 300"),
        (row([0] * 784) + "\n" + row(["x", *[0] * 783]), "row 2 must have numbers from 0 to 255, got NaN"),
    ],
)
def test_another_table_is_refused(js, text, words):
    with pytest.raises(RuntimeError, match=words):
        js.run(FILES, "(m, text) => m.table(text)", text)


def test_grey_levels_and_the_negative_of_ink_on_paper(js):
    code = "(m, rgba) => m.grey(new Uint8ClampedArray(rgba))"
    dark = np.zeros((28, 28, 4), int)
    dark[..., 3] = 255
    dark[10:18, 10:18, :3] = 255, 0, 0
    expected = np.zeros((28, 28), int)
    expected[10:18, 10:18] = round(0.299 * 255)
    np.testing.assert_array_equal(np.reshape(js.run(FILES, code, dark.ravel().tolist()), (28, 28)), expected)
    light = dark.copy()
    light[..., :3] = 255 - light[..., :3]
    found = np.reshape(js.run(FILES, code, light.ravel().tolist()), (28, 28))
    assert np.abs(found - expected).max() <= 1


def test_a_large_table_is_divided_and_single_images_come_first(js):
    code = """(m, n) => {
      const images = (count, value) => ({ pixels: new Uint8Array(784 * count).fill(value),
        labels: Uint8Array.from({ length: count }, (_, i) => i) });
      const { train, test } = m.divide(images(n, 3));
      const front = m.inFront(images(2, 9), images(5, 1));
      return [train.labels, test.labels, train.pixels.length, test.pixels.length, front.labels,
        front.pixels.reduce((a, b) => a + b)];
    }"""
    train, test, *sizes, labels, total = js.run(OWN, code, 200)
    assert train == list(range(160))
    assert test == list(range(160, 200))
    assert sizes == [784 * 160, 784 * 40]
    assert labels == [0, 1, 2, 3, 4]
    assert total == 784 * (2 * 9 + 3 * 1)


UNPACK = "async (m, view) => m.unpack(new Uint8Array(view.buffer))"


def test_the_digits_are_those_of_aecore(js):
    found = js.run(DIGITS, UNPACK, digits())
    for split, count in (("train", 5000), ("test", 1000)):
        images, labels = ae.mnist(split)
        pixels = np.array(found[split]["pixels"], np.uint8).reshape(count, 784)
        np.testing.assert_array_equal(pixels, (images[:count].flatten(1) * 255).round().byte().numpy())
        assert found[split]["labels"] == labels[:count].tolist()


def test_the_digits_are_sent_in_less_than_a_megabyte_and_a_half():
    assert len(digits()) * 4 / 3 < 1_500_000


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (digits()[:-100], "digits must be whole, got data that are cut off or changed"),
        (digits()[:5000] + b"\x00\x01" + digits()[5002:], "cut off or changed"),
        (zlib.compress(struct.pack("<II", 2, 1) + bytes(100)), "digits must be 2363 bytes, got 108"),
    ],
)
def test_corrupt_digits_are_detected(js, packed, words):
    with pytest.raises(RuntimeError, match=words):
        js.run(DIGITS, UNPACK, packed)
