"""MNIST held against Burda et al. (2016), table 1: one stochastic layer, 784-200-200-50, dynamically binarized.

    python benchmarks/mnist_likelihood.py 1 5 50                        # VAE, IWAE with 5 and with 50 samples
    OMP_NUM_THREADS=1 python benchmarks/mnist_likelihood.py 5 --seeds 1  # beside another run, on the other core
    python benchmarks/mnist_likelihood.py --seeds 0 1 2                 # on a GPU, if there is one: all at once

The network is the paper's: two tanh layers of 200 units each way, 50 latent dimensions. Its recipe took 3,280
passes over the data. Here one cycle of the learning rate makes the most of fewer, and with more than one sample so does
the doubly reparameterized gradient. On a processor, the epochs are those that 30 minutes of two cores allow, and more
of them are had by a beginning with fewer samples, as in the paper's table 2, where a trained VAE goes on as an IWAE,
and by matrix products in bfloat16.
Started again, a run that was stopped goes on where it was, and a finished one is skipped.
"""

import argparse
import hashlib
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import common
import torch
import torch.nn as nn
from safetensors import safe_open
from torch import Tensor

import aecore as ae

PUBLISHED = {1: 86.76, 5: 85.54, 50: 84.78}  # −log p(x) in nats, 5000 samples
RATE = 2e-3  # the largest of the cycle
STATES = Path(__file__).parent / "states"  # ignored by git


class Recipe(NamedTuple):
    """How to train with k samples.

    `stages`: from this share of the epochs on, that many samples. `precision`: of the matrix products in training.
    """

    epochs: int
    batch_size: int
    stages: dict[float, int]
    precision: str


# Less than 3,600 CPU seconds each, on the machine of the page. An epoch with 5 samples takes twice as long as one with
# 1, and 50 × 128 codes are more than the caches hold. bfloat16 takes 3/4 of the time for the same bound.
ON_CPU = {
    1: Recipe(750, 128, {0: 1}, "float32"),
    5: Recipe(700, 128, {0: 1, 0.5: 5}, "bfloat16"),
    50: Recipe(220, 64, {0: 1, 0.5: 5, 0.8: 50}, "bfloat16"),
}
# A recorded step keeps its number of samples. All models learn in one step, so they have all else in common.
ON_GPU = {k: Recipe(1400, 128, {0: k}, "TF32") for k in PUBLISHED}


def recipe(k: int, device: torch.device) -> Recipe:
    return (ON_GPU if device.type == "cuda" else ON_CPU)[k]


def said(k: int, device: torch.device) -> dict[str, object]:
    """What the page says of a row, and what tells a finished run from one of another recipe."""
    _, batch_size, stages, precision = recipe(k, device)
    return {
        "lr": RATE,
        "batch_size": batch_size,
        "samples_from": [[share, samples] for share, samples in stages.items()],
        "gradient": "reparameterized" if k == 1 else "doubly reparameterized",
        "precision": precision,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def loss(ways: list[Recipe], steps: int, done: int = 0) -> Callable[[nn.ModuleList, Tensor, Tensor], dict[str, Tensor]]:
    """−bound of each model, with the samples of each stage of a run of `steps`, of which `done` are behind.

    One sample is the −ELBO with its exact KL. An image is binarized anew each time it is seen, and by each model.
    """
    count = itertools.count(done)

    def of(vaes: nn.ModuleList, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        progress = next(count) / steps

        def of_one(vae: ae.VAE, way: Recipe) -> Tensor:
            binary, samples = (torch.rand_like(target) < target).to(target.dtype), samples_at(way.stages, progress)
            with torch.autocast(target.device.type, torch.bfloat16, enabled=way.precision == "bfloat16"):
                each = sum(vae.loss(binary).values()) if samples == 1 else negative_bound(vae, binary, samples)
            return each.mean()

        bounds = side_by_side(of_one, list(zip(vaes, ways, strict=True)), target.device)
        return {f"model {index}": bound for index, bound in enumerate(bounds)}

    return of


def samples_at(stages: dict[float, int], progress: float) -> int:
    return next(samples for share, samples in reversed(stages.items()) if progress >= share)


def side_by_side(of: Callable[..., Tensor], given: list[tuple], device: torch.device) -> list[Tensor]:
    """`of` each; on a GPU, which one such network leaves mostly idle, each on a stream of its own."""
    if device.type != "cuda" or len(given) == 1:
        return [of(*one) for one in given]
    here, streams, found = torch.cuda.current_stream(device), [torch.cuda.Stream(device) for _ in given], []
    for one, stream in zip(given, streams, strict=True):
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            found.append(of(*one))
    for stream in streams:
        here.wait_stream(stream)
    return found


def negative_bound(vae: ae.VAE, x: Tensor, k: int) -> Tensor:
    """−`iwae_bound` of k samples, shape (batch,), with the doubly reparameterized gradient of the encoder.

    The same expectation as autograd's and a smaller variance: what reaches the encoder goes through z alone, weighted
    by the square of each sample's share. The decoder's gradient is as it was. Tucker et al., "Doubly reparameterized
    gradient estimators for Monte Carlo objectives", 2019: IWAE-DReG.
    """
    mean, logvar = vae.posterior(x)
    z = ae.reparameterize(mean, logvar, torch.randn(k, *mean.shape, device=mean.device))
    log_q = ae.gaussian_log_prob(z.flatten(0, 1), *(_each(part.detach(), k) for part in (mean, (0.5 * logvar).exp())))
    log_prior = ae.gaussian_log_prob(z.flatten(0, 1), torch.zeros_like(z).flatten(0, 1))
    log_prob = ae.bernoulli_log_prob(vae.decoder(z.flatten(0, 1)), _each(x, k))
    log_w = (log_prob + log_prior - log_q).view(k, -1)
    bound = ae.iwae_bound(log_w.detach())
    share = (log_w.detach() - bound).exp() / k  # the softmax over the samples
    if z.requires_grad:
        z.register_hook(lambda gradient: share.unsqueeze(-1) * gradient)
    surrogate = (share * log_w).sum(dim=0)
    return surrogate.detach() - surrogate - bound


def _each(part: Tensor, k: int) -> Tensor:
    return part.repeat(k, *(1 for _ in part.shape[1:]))


def train(vaes: nn.ModuleList, ways: list[Recipe], images: Tensor, seed: int, epochs: int, state: Path) -> float:
    """Train to the end, from the checkpoint if there is one; returns its minutes, those before a stop counted in."""
    _, batch_size, _, precision = ways[0]
    begun, steps = len(_finished(state)), math.ceil(len(images) / batch_size)
    device = next(vaes.parameters()).device
    gpu = device.type == "cuda"
    clock = time.perf_counter if gpu else time.process_time
    started = clock()
    settings = {"batch_size": batch_size, "lr": RATE, "schedule": "one_cycle", "seed": seed, "device": device}
    settings |= {"cuda_graph": gpu, "checkpoint": state, "checkpoint_every": 25 if gpu else 1}
    with common.tf32() if precision == "TF32" else nullcontext():
        history = ae.fit(vaes, images, epochs=epochs, loss=loss(ways, epochs * steps, begun * steps), **settings)
    if history.interrupted:
        raise KeyboardInterrupt
    seconds = clock() - started
    spent = state.with_suffix(".minutes")
    if begun < epochs:
        # An earlier process may have been killed, and with it its clock: its epochs count by what theirs took.
        typical = typical_seconds(history.seconds, ways[0].stages)
        spent.write_text(str(seconds / 60 * sum(typical) / sum(typical[begun:])))
    return float(spent.read_text())


def typical_seconds(seconds: list[float], stages: dict[float, int]) -> list[float]:
    """For each epoch the median of its stage: one in which the machine slept was not more work."""
    samples = [samples_at(stages, epoch / len(seconds)) for epoch in range(len(seconds))]
    of_stage: dict[int, list[float]] = {}
    for k, second in zip(samples, seconds, strict=True):
        of_stage.setdefault(k, []).append(second)
    typical = {k: statistics.median(of) for k, of in of_stage.items()}
    return [typical[k] for k in samples]


def _finished(state: Path) -> list[int]:
    if not state.exists():
        return []
    with safe_open(state, "pt") as file:
        return json.loads(file.metadata()["aecore"])["history"]["epochs"]


def log_likelihood(vae: ae.VAE, images: Tensor, samples: int, state: Path) -> Tensor:
    """log p(x) of each image; every 200 of them are put aside, so that a stop costs a minute."""
    done = json.loads(state.read_text()) if state.exists() else []
    chunk = 10_000 if images.device.type == "cpu" else 200_000
    for batch in images[len(done) :].split(200):
        generator = torch.Generator(batch.device).manual_seed(len(done))
        done += ae.log_likelihood(vae, batch, samples, chunk=chunk, generator=generator).tolist()
        common.write(state, done)
        print(f"{len(done)} of {len(images)} test images: {-sum(done) / len(done):.2f} nats", flush=True)
    return torch.tensor(done, dtype=torch.float64)


def run(
    jobs: list[tuple[int, int]],
    epochs: int,
    samples: int,
    train_images: Tensor,
    test_images: Tensor,
    device: torch.device,
) -> list[dict[str, object]]:
    """A row for each (k, seed), after all of them have learned in one run."""
    # With another recipe it is another run: it must not go on from the old one's state.
    recipes = hashlib.sha256(json.dumps([said(k, device) for k, _ in jobs]).encode()).hexdigest()[:8]
    name = f"mnist-{'_'.join(f'k{k}-seed{seed}' for k, seed in jobs)}-epochs{epochs}-{recipes}"
    STATES.mkdir(parents=True, exist_ok=True)
    vaes = nn.ModuleList(ae.start_at_mean(common.literature_network(seed), train_images) for _, seed in jobs).to(device)
    ways = [recipe(k, device) for k, _ in jobs]
    minutes = train(vaes, ways, train_images, jobs[0][1], epochs, STATES / f"{name}.safetensors")
    # Binarized once, the same for every model.
    binary = ae.binarize(test_images, "dynamic", generator=torch.Generator().manual_seed(0)).to(device)
    rows = []
    for (k, seed), vae in zip(jobs, vaes, strict=True):
        log_p = log_likelihood(vae, binary, samples, STATES / f"{name}.{samples}.{k}-{seed}.json")
        rows.append(
            {
                "name": "VAE" if k == 1 else "IWAE",
                "k": k,
                "seed": seed,
                "epochs": epochs,
                **said(k, device),
                "side_by_side": len(jobs),
                "minutes": round(minutes, 1),
                "nll": -log_p.mean().item(),
                "nll_standard_error": log_p.std().item() / math.sqrt(len(log_p)),
                "elbo": -ae.evaluate(vae, binary),
                "active_units": int(ae.active_units(vae, binary).sum()),
                "images": len(binary),
                "samples": samples,
                "published": PUBLISHED.get(k),
                **common.setting(),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("k", type=int, nargs="*", default=[1, 5, 50], help="samples in the bound that is trained")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, help="instead of those of the recipe")
    parser.add_argument("--samples", type=int, default=5000, help="for the log-likelihood")
    parser.add_argument("--images", type=int, help="train and test on so many only: to try the script out")
    parser.add_argument("--name", default="mnist_likelihood", help="of the file in results/")
    parser.add_argument("--device", help="instead of the fastest there is")
    asked = parser.parse_args()
    device = torch.device(asked.device) if asked.device else ae.pick_device()
    train_images, test_images = (ae.mnist(part)[0][: asked.images] for part in ("train", "test"))
    jobs = list(itertools.product(asked.k, asked.seeds))
    for group in [jobs] if device.type == "cuda" else [[job] for job in jobs]:
        epochs = asked.epochs or recipe(group[0][0], device).epochs
        kept = common.load(asked.name) or []
        missing = []
        for k, seed in group:
            wanted = {"k": k, "seed": seed, "epochs": epochs, "samples": asked.samples, **said(k, device)}
            if not any(wanted.items() <= row.items() for row in kept):
                missing.append((k, seed))
        if missing:
            rows = run(missing, epochs, asked.samples, train_images, test_images, device)
            # Read again: another run may have ended meanwhile.
            common.save(asked.name, [*(common.load(asked.name) or []), *rows])
            print(json.dumps(rows, indent=1), flush=True)


if __name__ == "__main__":
    main()
