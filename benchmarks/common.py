"""What the benchmarks share: the network, the turns, and a file that says when, where and with what."""

import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn as nn

import aecore as ae

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "pythae", "lightning")


def network(hidden: int = 400, seed: int = 0) -> ae.VAE:
    """784-400-20-400-784, ReLU, Bernoulli: the network of all timings."""
    torch.manual_seed(seed)
    return ae.VAE(ae.mlp([784, hidden, 2 * 20]), ae.mlp([20, hidden, 784], out_shape=(1, 28, 28)))


def literature_network(seed: int = 0) -> ae.VAE:
    """784-200-200-50, tanh, Bernoulli: the network of Burda et al. (2016) with one stochastic layer."""
    torch.manual_seed(seed)
    encoder = ae.mlp([784, 200, 200, 2 * 50], nn.Tanh)
    return ae.VAE(encoder, ae.mlp([50, 200, 200, 784], nn.Tanh, out_shape=(1, 28, 28)))


def test_elbo(vae: ae.VAE, images: torch.Tensor) -> float:
    """One-sample ELBO on grey test images, nats: the same noise for all."""
    return -ae.evaluate(vae, images.to(next(vae.parameters()).device), seed=0)


@contextmanager
def tf32() -> Iterator[None]:
    """TF32 for the products inside, and what was set before afterwards."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def interleaved(contenders: dict[str, Callable[[], object]], rounds: int) -> list[dict[str, float]]:
    """Seconds of each contender in each round, after a round that does not count.

    They take turns, and another one begins each round: what slows the machine for a minute slows all of them,
    and the ratios within a round stay.
    """
    names, measured = list(contenders), []
    for turn in range(rounds + 1):
        first = turn % len(names)
        seconds = {}
        for name in names[first:] + names[:first]:
            started = time.perf_counter()
            contenders[name]()
            seconds[name] = time.perf_counter() - started
        print(f"round {turn}:", *(f"{name} {value:.2f} s," for name, value in seconds.items()), flush=True)
        measured.append(seconds)
    return measured[1:]


def ratios(rounds: list[dict[str, float]], name: str, to: str) -> tuple[float, float, float]:
    """Median, smallest and largest of the ratios of two contenders within the rounds."""
    each = [seconds[name] / seconds[to] for seconds in rounds]
    return statistics.median(each), min(each), max(each)


def setting() -> dict[str, object]:
    """Date, machine, versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **versions},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


def load(name: str) -> dict | list | None:
    """What results/NAME.json holds; None if nothing was measured yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def save(name: str, content: dict | list) -> Path:
    """Write results/NAME.json."""
    return write(RESULTS / f"{name}.json", content)


def write(path: Path, content: dict | list) -> Path:
    """Write a file of JSON whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    beside.replace(path)
    return path
