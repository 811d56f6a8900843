"""How the epoch of `ae.fit` grows with the number of images, the width of the hidden layers and the batch.

    python benchmarks/growth.py

One of the three is changed at a time, from 20,000 images, 400 hidden units and a batch of 128. The matrix products of
the same epoch run by turns with it: what lies between the two curves is everything else.
"""

import argparse
from functools import partial

import common
import torch
from training_speed import matrix_products

import aecore as ae

AT = {"images": 20_000, "hidden": 400, "batch": 128}
POINTS = {
    "images": (5_000, 10_000, 20_000, 40_000, 60_000),
    "hidden": (100, 200, 400, 800, 1600),
    "batch": (32, 64, 128, 256, 512, 1024),
}


def run(rounds: int = 3, scale: float = 1.0) -> dict[str, object]:
    digits = ae.mnist("train")[0]
    measured = {}
    for what, values in POINTS.items():
        turns = {}
        for value in values:
            at = {**AT, what: value}
            part = digits[: int(at["images"] * scale)]
            settings = {"epochs": 1, "batch_size": at["batch"], "device": "cpu", "progress": False}
            turns[f"fit {value}"] = partial(ae.fit, common.network(at["hidden"]), part, **settings)
            turns[f"products {value}"] = matrix_products(common.network(at["hidden"]), part, at["batch"])
        torch.manual_seed(0)
        measured[what] = common.interleaved(turns, rounds)
    return {**common.setting(), "at": AT, "points": POINTS, "rounds": measured}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the images, for a quick look")
    print(common.save("growth", run(**vars(parser.parse_args()))))
