"""What a linear classifier makes of overcomplete codes: test error on the whole of MNIST.

    python benchmarks/codes.py            # goes on where it was stopped; about 20 minutes of one core
    python benchmarks/codes.py --seeds 1

One hidden layer of 1,000 units, trained without labels on the 60,000 grey digits; then `ae.linear_probe`, logistic
regression on the frozen codes (scikit-learn, L-BFGS, 200 steps), trained on all 60,000 labels and tested on 10,000.
The networks are those of lectures 02 and 04. The probe's penalty is chosen for each code on the last 10,000 training
digits, with seed 0 only; the test digits choose nothing.
"""

import argparse
import time

import common
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

import aecore as ae

UNITS, EPOCHS, ACTIVE = 1000, 10, 25
PENALTIES = (1.0, 0.1, 0.01)
FIT = {"epochs": EPOCHS, "batch_size": 128, "schedule": "one_cycle", "device": "cpu", "progress": False}


class UnitColumns(nn.Linear):
    """A linear decoder whose columns have length 1, so that a small activation cannot hide behind a long filter."""

    def forward(self, a: Tensor) -> Tensor:
        return F.linear(a, F.normalize(self.weight, dim=0), self.bias)


class TopK(nn.Module):
    """Keep the k largest positive activations of each picture."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, u: Tensor) -> Tensor:
        values, places = u.relu().topk(self.k, dim=1)
        return torch.zeros_like(u).scatter(1, places, values)


def network(activation: nn.Module, decoder: type[nn.Linear], last: nn.Module | None = None) -> ae.Autoencoder:
    """784-1000-784; the encoder begins as the transpose of the decoder, whose columns have length 1."""
    encode, decode = nn.Linear(784, UNITS), decoder(UNITS, 784)
    with torch.no_grad():
        decode.weight.copy_(F.normalize(torch.randn(784, UNITS), dim=0))
        encode.weight.copy_(decode.weight.T)
        encode.bias.zero_(), decode.bias.zero_()
    return ae.Autoencoder(nn.Sequential(encode, activation), nn.Sequential(decode, last or nn.Identity()))


def penalised(penalty, weight: float):
    """A loss for `ae.fit`: the squared error plus weight · penalty(code)."""

    def loss(model: ae.Autoencoder, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        a = model.encode(x)
        return {"error": ae.squared_error(model.decode(a), target), "penalty": weight * penalty(a)}

    return loss


def plain(images: Tensor, seed: int) -> ae.Autoencoder:
    """Nothing but the squared error: wide enough to copy."""
    model = network(nn.ReLU(), nn.Linear, nn.Sigmoid())
    ae.fit(model, images, lr=3e-3, seed=seed, **FIT)
    return model


def denoising(images: Tensor, seed: int) -> ae.Autoencoder:
    """Half of the pixels masked, another half at every step; the target is clean."""
    model = network(nn.ReLU(), nn.Linear, nn.Sigmoid())
    ae.fit(model, images, lr=3e-3, seed=seed, corrupt=lambda x: ae.mask(x, 0.5), **FIT)
    return model


def l1(images: Tensor, seed: int) -> ae.Autoencoder:
    """A price of 0.5 on each unit of activation."""
    model = network(nn.ReLU(), UnitColumns)
    ae.fit(model, images, lr=2e-3, seed=seed, loss=penalised(ae.l1_sparsity, 0.5), **FIT)
    return model


def kl(images: Tensor, seed: int) -> ae.Autoencoder:
    """The mean activation of every unit pulled to 0.05."""
    model = network(nn.Sigmoid(), nn.Linear)
    ae.fit(model, images, lr=3e-3, seed=seed, loss=penalised(lambda a: ae.kl_sparsity(a, 0.05), 1.0), **FIT)
    return model


def top_k(images: Tensor, seed: int) -> ae.Autoencoder:
    """25 active units for each digit, in training and in the code."""
    model = network(TopK(ACTIVE), UnitColumns)
    ae.fit(model, images, lr=2e-3, seed=seed, **FIT)
    return model


CODES = {"plain": plain, "denoising": denoising, "L1": l1, "KL": kl, "top-k": top_k}


def encoded(name: str, seed: int, train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """The codes of both sets; for "raw pixels" the pixels themselves."""
    if name == "raw pixels":
        return train, test
    torch.manual_seed(seed)
    model = CODES[name](train, seed)
    with torch.no_grad():
        return tuple(torch.cat([model.encode(part) for part in images.split(1000)]) for images in (train, test))


def chosen_penalty(codes: Tensor, labels: Tensor) -> float:
    """The penalty that is best on the last sixth of the training set."""
    cut = len(codes) - len(codes) // 6

    def accuracy(penalty: float) -> float:
        return ae.linear_probe(codes[:cut], labels[:cut], codes[cut:], labels[cut:], penalty=penalty)

    return max(PENALTIES, key=accuracy)


def measure(name: str, seed: int, penalty: float | None, data: tuple[Tensor, ...]) -> dict[str, object]:
    """One run: train, encode, probe."""
    train, train_labels, test, test_labels = data
    started = time.process_time()
    codes, test_codes = encoded(name, seed, train, test)
    if penalty is None:
        penalty = chosen_penalty(codes, train_labels)
    accuracy = ae.linear_probe(codes, train_labels, test_codes, test_labels, penalty=penalty)
    return {
        "code": name,
        "seed": seed,
        "error": round(100 * (1 - accuracy), 2),
        "penalty": penalty,
        "active": round((test_codes > 0.01).float().sum(dim=1).mean().item(), 1),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def run(seeds: int = 3, images: int = 60_000) -> None:
    done = (common.load("codes") or {"runs": []})["runs"]
    (train, train_labels), (test, test_labels) = ae.mnist("train"), ae.mnist("test")
    data = (train[:images].flatten(1), train_labels[:images], test.flatten(1), test_labels)
    wanted = [("raw pixels", 0), *((name, seed) for seed in range(seeds) for name in CODES)]
    for name, seed in wanted:
        if any((run["code"], run["seed"]) == (name, seed) for run in done):
            continue
        penalty = next((run["penalty"] for run in done if run["code"] == name), None)
        done.append(measure(name, seed, penalty, data))
        print(done[-1], flush=True)
        common.save("codes", {**common.setting(), "images": images, "units": UNITS, "epochs": EPOCHS, "runs": done})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    run(**vars(parser.parse_args()))
