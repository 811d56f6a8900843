"""MNIST held against Burda et al. (2016), table 1: one stochastic layer, 784-200-200-50, dynamically binarized.

    python benchmarks/mnist_likelihood.py 1 5 50                        # VAE, IWAE with 5 and with 50 samples
    OMP_NUM_THREADS=1 python benchmarks/mnist_likelihood.py 5 --seeds 1  # beside another run, on the other core
    python benchmarks/mnist_likelihood.py 50 --epochs 3280              # on a GPU, if there is one

The network is the paper's: two tanh layers of 200 units each way, 50 latent dimensions. Its recipe took 3,280
passes over the data; here the epochs are those that 30 minutes of two cores allow. One cycle of the learning rate makes
the most of them. So do, with more than one sample: a beginning with fewer samples, as in the paper's table 2, where a
trained VAE goes on as an IWAE; the doubly reparameterized gradient; and matrix products in bfloat16.
Started again, a run that was stopped goes on where it was, and a finished one is skipped.
"""

import argparse
import itertools
import json
import math
import time
from pathlib import Path

import common
import torch
from safetensors import safe_open
from torch import Tensor

import aecore as ae

PUBLISHED = {1: 86.76, 5: 85.54, 50: 84.78}  # −log p(x) in nats, 5000 samples
EPOCHS = {1: 750, 5: 700, 50: 220}  # less than 3,600 CPU seconds each, on the machine of the page
RATE = 2e-3  # the largest of the cycle
BATCH = {1: 128, 5: 128, 50: 64}  # 50 × 128 codes are more than the caches hold
STAGES = {  # from this share of the epochs on, that many samples: an epoch with 5 takes twice as long as one with 1
    1: {0: 1},
    5: {0: 1, 0.5: 5},
    50: {0: 1, 0.5: 5, 0.8: 50},
}
STATES = Path(__file__).parent / "states"  # ignored by git


def precision(k: int) -> torch.dtype:
    """Of the matrix products in training. With k = 5, bfloat16 takes 3/4 of the time, and the bound stays the same."""
    return torch.float32 if k == 1 else torch.bfloat16


def loss(k: int, steps: int, done: int = 0):
    """−bound with the samples of each stage of a run of `steps`, of which `done` are behind.

    One sample is the −ELBO with its exact KL. An image is binarized anew each time it is seen.
    """
    count = itertools.count(done)

    def of(vae: ae.VAE, x: Tensor, target: Tensor) -> Tensor:
        binary, samples = (torch.rand_like(target) < target).to(target.dtype), samples_at(k, next(count) / steps)
        with torch.autocast(target.device.type, torch.bfloat16, enabled=precision(k) == torch.bfloat16):
            return sum(vae.loss(binary).values()) if samples == 1 else negative_bound(vae, binary, samples)

    return of


def samples_at(k: int, progress: float) -> int:
    return next(samples for share, samples in reversed(STAGES[k].items()) if progress >= share)


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
    share = log_w.detach().softmax(dim=0)
    if z.requires_grad:
        z.register_hook(lambda gradient: share.unsqueeze(-1) * gradient)
    surrogate = (share * log_w).sum(dim=0)
    return surrogate.detach() - surrogate - ae.iwae_bound(log_w.detach())


def _each(part: Tensor, k: int) -> Tensor:
    return part.repeat(k, *(1 for _ in part.shape[1:]))


def recipe(k: int, device: torch.device) -> dict[str, object]:
    """What the page says of a row, and what tells a finished run from one of another recipe."""
    return {
        "lr": RATE,
        "batch_size": BATCH[k],
        "samples_from": [[share, samples] for share, samples in STAGES[k].items()],
        "gradient": "reparameterized" if k == 1 else "doubly reparameterized",
        "precision": str(precision(k)).removeprefix("torch."),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def train(vae: ae.VAE, images: Tensor, k: int, seed: int, epochs: int, state: Path) -> float:
    """Train to the end, from the checkpoint if there is one; returns its minutes, those before a stop counted in."""
    begun, steps = len(_finished(state)), math.ceil(len(images) / BATCH[k])
    device = next(vae.parameters()).device
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    started = clock()
    settings = {"batch_size": BATCH[k], "lr": RATE, "schedule": "one_cycle", "seed": seed, "device": device}
    ae.fit(vae, images, epochs=epochs, loss=loss(k, epochs * steps, begun * steps), checkpoint=state, **settings)
    seconds = clock() - started
    spent = state.with_suffix(".minutes")
    if begun < epochs:
        # An earlier process may have been killed, and with it its clock: its epochs count as much as these.
        spent.write_text(str(seconds / (epochs - begun) * epochs / 60))
    return float(spent.read_text())


def _finished(state: Path) -> list[int]:
    if not state.exists():
        return []
    with safe_open(state, "pt") as file:
        return json.loads(file.metadata()["aecore"])["history"]["epochs"]


def log_likelihood(vae: ae.VAE, images: Tensor, samples: int, state: Path) -> Tensor:
    """log p(x) of each image; every 200 of them are put aside, so that a stop costs a minute."""
    done = json.loads(state.read_text()) if state.exists() else []
    for batch in images[len(done) :].split(200):
        generator = torch.Generator(batch.device).manual_seed(len(done))
        done += ae.log_likelihood(vae, batch, samples, generator=generator).tolist()
        common.write(state, done)
        print(f"{len(done)} of {len(images)} test images: {-sum(done) / len(done):.2f} nats", flush=True)
    return torch.tensor(done, dtype=torch.float64)


def run(
    k: int, seed: int, epochs: int, samples: int, train_images: Tensor, test_images: Tensor, device: torch.device
) -> dict[str, object]:
    state = STATES / f"mnist-k{k}-seed{seed}-epochs{epochs}.safetensors"
    state.parent.mkdir(parents=True, exist_ok=True)
    vae = ae.start_at_mean(common.literature_network(seed), train_images).to(device)
    minutes = train(vae, train_images, k, seed, epochs, state)
    # Binarized once, the same for every model.
    binary = ae.binarize(test_images, "dynamic", generator=torch.Generator().manual_seed(0)).to(device)
    log_p = log_likelihood(vae, binary, samples, state.with_suffix(f".{samples}.json"))
    return {
        "name": "VAE" if k == 1 else "IWAE",
        "k": k,
        "seed": seed,
        "epochs": epochs,
        **recipe(k, device),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("k", type=int, nargs="*", default=[1, 5, 50], help="samples in the bound that is trained")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, help="instead of those that 30 minutes of two cores allow")
    parser.add_argument("--samples", type=int, default=5000, help="for the log-likelihood")
    parser.add_argument("--images", type=int, help="train and test on so many only: to try the script out")
    parser.add_argument("--name", default="mnist_likelihood", help="of the file in results/")
    parser.add_argument("--device", help="instead of the fastest there is")
    asked = parser.parse_args()
    device = torch.device(asked.device) if asked.device else ae.pick_device()
    train_images, test_images = (ae.mnist(part)[0][: asked.images] for part in ("train", "test"))
    for seed in asked.seeds:
        for k in asked.k:
            epochs = asked.epochs or EPOCHS[k]
            wanted = {"k": k, "seed": seed, "epochs": epochs, "samples": asked.samples, **recipe(k, device)}
            if any(wanted.items() <= run.items() for run in common.load(asked.name) or []):
                continue
            result = run(k, seed, epochs, asked.samples, train_images, test_images, device)
            # Read again: another run may have ended meanwhile.
            common.save(asked.name, [*(common.load(asked.name) or []), result])
            print(json.dumps(result, indent=1), flush=True)


if __name__ == "__main__":
    main()
