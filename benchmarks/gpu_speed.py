"""One epoch on a GPU, by turns: the eager loop, `ae.fit` with and without a recorded step, and the limit of the card.

    python benchmarks/gpu_speed.py

Network, batch and optimizer are those of training_speed.py, all images lie on the GPU. The limit is what an epoch has
to move and to compute, over what this card moves and computes: a copy and a matrix product, measured here too. With
TF32, products of float32 matrices have 10 binary digits instead of 23; the test ELBO shows whether that matters.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import common
import torch
import torch.nn as nn
import training_speed
from training_speed import BATCH

import aecore as ae


def wait(device: torch.device) -> None:
    """Until a GPU has done what it was told: it works on while Python goes on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_tf32(train: Callable[[int], None]) -> Callable[[int], None]:
    def trained(epochs: int) -> None:
        with common.tf32():
            train(epochs)

    return trained


# The limit


def bytes_of_epoch(sizes: list[tuple[int, int]], images: int, batch: int = BATCH) -> int:
    """What an epoch has to move at least, in float32, for layers of (inputs, outputs).

    Each image is read once. A layer's output is written and read, and so is its gradient. At each step, every parameter
    is read forward and backward, its gradient is written and read, and Adam reads and writes it and its two moments.
    """
    steps = -(-images // batch)
    parameters = sum(fan_in * fan_out + fan_out for fan_in, fan_out in sizes)
    outputs = sum(fan_out for _, fan_out in sizes)
    return 4 * (images * sizes[0][0] + 4 * images * outputs + 10 * steps * parameters)


def ceilings(device: torch.device, size: int = 8192) -> dict[str, float]:
    """Bytes a second of a copy, and operations a second of a product of two matrices of `size`²; the best of ten."""
    source, target = torch.rand(2, 4 * size, size, device=device)
    left, right, product = torch.rand(3, size, size, device=device)

    def best(work: Callable[[], object]) -> float:
        seconds = []
        for _ in range(11):  # the first one sets libraries up
            started = time.perf_counter()
            work()
            wait(device)
            seconds.append(time.perf_counter() - started)
        return min(seconds[1:])

    found = {"bytes": 2 * source.nbytes / best(partial(target.copy_, source))}
    multiply = partial(torch.mm, left, right, out=product)
    found["float32"] = 2 * size**3 / best(multiply)
    with common.tf32():
        found["TF32"] = 2 * size**3 / best(multiply)
    return found


# The contenders


def contenders(digits: torch.Tensor) -> dict[str, training_speed.Contender]:
    """Those that run on the device of the digits; a step can be recorded on a GPU only."""

    def made(make: Callable[..., training_speed.Contender], **options: object) -> training_speed.Contender:
        return make(common.network().to(digits.device), digits, **options)

    found = {"naive": made(training_speed.naive), "steps": made(training_speed.fit, cuda_graph=False)}
    if digits.device.type == "cuda":
        found["graph"] = made(training_speed.fit, cuda_graph=True)
        found["graph, TF32"] = made(training_speed.fit, cuda_graph=True)
        found["graph, TF32"].train = in_tf32(found["graph, TF32"].train)
    return found


def run(images: int = 60_000, rounds: int = 5, device: str = "cuda", size: int = 8192) -> dict[str, object]:
    place = torch.device(device)
    digits, test = ae.mnist("train", device=place)[0][:images], ae.mnist("test")[0]

    def turn(train: Callable[[int], None]) -> None:
        train(1)
        wait(place)

    ways = contenders(digits)
    torch.manual_seed(0)
    measured = common.interleaved({name: partial(turn, way.train) for name, way in ways.items()}, rounds)
    elbo = {name: common.test_elbo(way.vae(), test) for name, way in ways.items()}
    network = common.network()
    sizes = [(part.in_features, part.out_features) for part in network.modules() if isinstance(part, nn.Linear)]
    return {
        **common.setting(),
        "gpu": torch.cuda.get_device_name(place) if place.type == "cuda" else "none",
        "images": images,
        "batch": BATCH,
        "epochs": rounds + 1,
        "rounds": measured,
        "test_elbo": elbo,
        "bytes": bytes_of_epoch(sizes, images),
        "operations": training_speed.matrix_flops(sizes, images),
        "ceilings": ceilings(place, size),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if torch.cuda.is_available():
        print(common.save("gpu_speed", run(**vars(asked))))
    else:
        print("no CUDA device on this machine: nothing measured, results/gpu_speed.json stays as it is")
