"""Seconds of training until the test ELBO of the plain recipe is reached.

    python benchmarks/time_to_quality.py

The plain recipe: Adam 1e-3, batch 128, 10 epochs on the 60,000 grey digits. The target is the mean over the seeds of
the ELBO that the tutorials' loop reaches with it (torchvision's MNIST, ToTensor on each image, torch's DataLoader).
Then `ae.fit` with the plain recipe, and with the better one, by turns with the loop on each seed. The better recipe:
one cycle of the learning rate, and a last bias that begins at the logit of the mean digit; of its lengths the shortest
counts whose mean over the seeds reaches the target. The same network, 784-400-20-400-784. Evaluation is not timed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import common
import torch
import training_speed

import aecore as ae

PLAIN_EPOCHS = 10
BETTER = {"lr": 8e-3, "schedule": "one_cycle"}
LENGTHS = (2, 3, 4)


def better(vae: ae.VAE, images: torch.Tensor, epochs: int, seed: int) -> None:
    ae.start_at_mean(vae, images)
    ae.fit(vae, images, epochs=epochs, seed=seed, device="cpu", progress=False, **BETTER)


def timed(train: Callable[[], None], learned: Callable[[], ae.VAE], test: torch.Tensor) -> dict[str, float]:
    started = time.perf_counter()
    train()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "test_elbo": common.test_elbo(learned(), test)}


def run(seeds: int = 3, images: int = 60_000, plain_epochs: int = PLAIN_EPOCHS) -> dict[str, object]:
    digits, test = ae.mnist("train")[0][:images], ae.mnist("test")[0]
    workers, runs = training_speed.fastest_workers(digits), []
    loops = {"dataloader": partial(training_speed.dataloader, workers=workers), "fit": training_speed.fit}

    def note(name: str, seed: int, epochs: int, measured: dict[str, float]) -> None:
        runs.append({"name": name, "seed": seed, "epochs": epochs, **measured})
        print(runs[-1], flush=True)

    for seed in range(seeds):
        for name, make in loops.items():
            contender = make(common.network(seed=seed), digits)
            torch.manual_seed(seed)
            note(name, seed, plain_epochs, timed(partial(contender.train, plain_epochs), contender.vae, test))
        for epochs in LENGTHS:
            vae = common.network(seed=seed)
            note("better", seed, epochs, timed(partial(better, vae, digits, epochs, seed), lambda vae=vae: vae, test))
    return {**common.setting(), "images": images, "workers": workers, "better": BETTER, "runs": runs}


def shortest(runs: list[dict]) -> tuple[float, int | None]:
    """The target, and the fewest epochs of the better recipe whose mean ELBO reaches it (None if none does)."""
    target = statistics.mean(run["test_elbo"] for run in runs if run["name"] == "dataloader")
    for epochs in sorted({run["epochs"] for run in runs if run["name"] == "better"}):
        elbos = [run["test_elbo"] for run in runs if run["name"] == "better" and run["epochs"] == epochs]
        if statistics.mean(elbos) >= target:
            return target, epochs
    return target, None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    print(common.save("time_to_quality", run(**vars(parser.parse_args()))))
