"""`ae.log_likelihood` with 5,000 samples, beside the matrix products of its decoder.

    python benchmarks/evaluation_speed.py

784-200-200-50, tanh, the network of the literature, on dynamically binarized digits. The limit is the decoder's three
products for as many draws, in blocks of the size that is fastest here, without a bias, a tanh or a likelihood.
"""

import argparse
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import common
import torch
import torch.nn as nn

import aecore as ae

SAMPLES = 5000
BLOCKS = (250, 500, 1000, 2500, 5000)


def decoder_products(vae: ae.VAE, draws: int, block: int) -> Callable[[], None]:
    """The decoder's matrix products for `draws` codes, `block` at a time, into memory that is there."""
    weights = [layer.weight.detach() for layer in vae.decoder if isinstance(layer, nn.Linear)]
    inputs = [torch.rand(block, weight.shape[1]) for weight in weights]
    outputs = [torch.empty(block, weight.shape[0]) for weight in weights]

    def products() -> None:
        for start in range(0, draws, block):
            n = min(block, draws - start)
            for x, weight, y in zip(inputs, weights, outputs, strict=True):
                torch.mm(x[:n], weight.T, out=y[:n])

    return products


def by_log_weights(vae: ae.VAE, x: torch.Tensor) -> torch.Tensor:
    """The same in the words of the lectures: all weights of two images at a time, then the bound."""
    with torch.no_grad():
        return torch.cat([ae.iwae_bound(vae.log_weights(part, SAMPLES)) for part in x.split(2)])


def megabytes(images: int) -> float:
    """What the call adds to the most memory that a fresh process has held."""
    vae, x = common.literature_network(), torch.zeros(images, 1, 28, 28)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ae.log_likelihood(vae, x, SAMPLES)
    return round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1)


def run(images: int = 40, rounds: int = 5) -> dict[str, object]:
    memory = {}
    for n in (images // 10, images):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
            memory[n] = fresh.submit(megabytes, n).result()
    vae = common.literature_network()
    digits = ae.mnist("train")[0]
    ae.fit(vae, digits[:20_000], epochs=1, device="cpu", progress=False)  # logits as they are after training
    x = ae.binarize(ae.mnist("test")[0][:images], "dynamic", generator=torch.Generator().manual_seed(0))
    turns = {
        "log_likelihood": partial(ae.log_likelihood, vae, x, SAMPLES),
        "log_weights": partial(by_log_weights, vae, x),
    }
    for block in BLOCKS:
        turns[f"products, {block} at a time"] = decoder_products(vae, images * SAMPLES, block)
    measured = common.interleaved(turns, rounds)
    sizes = {"images": images, "samples": SAMPLES, "megabytes": memory}
    return {**common.setting(), **sizes, "rounds": measured}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    print(common.save("evaluation_speed", run(**vars(parser.parse_args()))))
