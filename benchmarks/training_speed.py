"""One epoch of the same network on the same images, in six ways, by turns.

    python benchmarks/training_speed.py            # one round to warm up, five that count
    python benchmarks/training_speed.py --images 2000 --rounds 1

784-400-20-400-784, ReLU, Bernoulli, batch 128, float32, Adam 1e-3, the 60,000 grey digits. Each epoch begins with a
fresh Adam, because `ae.fit` and Lightning make one at every call; so the six do the same work and reach the same ELBO.
Making the optimizer and, for Lightning, the trainer is inside the clock, making data sets and loaders is not.
"""

import argparse
import itertools
import logging
import struct
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import common
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

import aecore as ae

BATCH, LR = 128, 1e-3


@dataclass
class Contender:
    """A way to train.

    Attributes:
        train: `train(epochs)` goes on with the weights it has and a fresh Adam.
        loss: what it differentiates, of one batch.
        model: what it trains.
    """

    train: Callable[[int], None]
    loss: Callable[[Tensor], Tensor]
    model: nn.Module

    def vae(self) -> ae.VAE:
        return self.model.vae() if isinstance(self.model, TutorialVAE) else self.model


class TutorialVAE(nn.Module):
    """The network as tutorials write it: two heads, a sigmoid at the end, and the loss of probabilities."""

    def __init__(self, vae: ae.VAE) -> None:
        """With copies of the weights of an `ae.VAE`, whose one head has the rows of both."""
        super().__init__()
        (first, head), (third, last) = _linear(vae.encoder), _linear(vae.decoder)
        self.hidden, self.mean, self.logvar = _copy(first), _copy(head, rows=0), _copy(head, rows=1)
        self.back, self.out = _copy(third), _copy(last)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.hidden(x.view(-1, 784)))
        return self.mean(h), self.logvar(h)

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.out(F.relu(self.back(z))))

    def loss(self, x: Tensor) -> Tensor:
        mean, logvar = self.encode(x)
        std = torch.exp(0.5 * logvar)
        recon = self.decode(mean + torch.randn_like(std) * std)
        bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        return (bce + kl) / len(x)

    def vae(self) -> ae.VAE:
        """The same weights as an `ae.VAE`."""
        vae = common.network(self.hidden.out_features)
        (first, head), (third, last) = _linear(vae.encoder), _linear(vae.decoder)
        for ours, theirs in ((first, self.hidden), (third, self.back), (last, self.out)):
            ours.load_state_dict(theirs.state_dict())
        for part in ("weight", "bias"):
            getattr(head, part).data.copy_(torch.cat([getattr(self.mean, part), getattr(self.logvar, part)]))
        return vae


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network if isinstance(layer, nn.Linear)]


def _copy(layer: nn.Linear, rows: int | None = None) -> nn.Linear:
    """A layer with the same numbers; with `rows`, with the first or the second half of its outputs."""
    weight, bias = (part.detach() if rows is None else part.detach().chunk(2)[rows] for part in layer.parameters())
    copy = nn.Linear(weight.shape[1], weight.shape[0])
    copy.weight.data, copy.bias.data = weight.clone(), bias.clone()
    return copy


def _tutorial_epochs(model: TutorialVAE, batches: Callable[[], object], epochs: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    for _ in range(epochs):
        total = 0.0
        for x in batches():
            optimizer.zero_grad()
            loss = model.loss(x)
            loss.backward()
            optimizer.step()
            total += loss.item()


# The contenders


def naive(vae: ae.VAE, images: Tensor) -> Contender:
    """The naive loop in memory: a tensor, a permutation, and what tutorials do with a batch."""
    model = TutorialVAE(vae)

    def batches():
        order = torch.randperm(len(images), device=images.device)
        for start in range(0, len(images), BATCH):
            yield images[order[start : start + BATCH]]

    return Contender(partial(_tutorial_epochs, model, batches), model.loss, model)


def fit(vae: ae.VAE, images: Tensor, **options: object) -> Contender:
    """`ae.fit`, with its checks of the images, on the device where they lie."""
    seeds = itertools.count()  # another order and other noise at every call

    def train(epochs: int) -> None:
        settings = {"batch_size": BATCH, "lr": LR, "device": images.device, "progress": False, **options}
        ae.fit(vae, images, epochs=epochs, seed=next(seeds), **settings)

    return Contender(train, lambda x: sum(part.mean() for part in vae.loss(x).values()), vae)


def dataloader(vae: ae.VAE, images: Tensor, workers: int = 0) -> Contender:
    """torchvision's MNIST with ToTensor on each image, in torch's DataLoader: the loop of tutorials."""
    model, folder = TutorialVAE(vae), tempfile.TemporaryDirectory()
    data = torchvision_mnist(Path(folder.name), images)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    return Contender(partial(_tutorial_epochs, model, lambda: (x for x, _ in loader)), model.loss, model)


def fastest_workers(images: Tensor, most: int = 2) -> int:
    """How many worker processes serve the DataLoader best here: measured, one epoch each after one to start them."""
    seconds = {}
    for workers in range(most + 1):
        contender = dataloader(common.network(), images, workers)
        contender.train(1)
        started = time.perf_counter()
        contender.train(1)
        seconds[workers] = time.perf_counter() - started
    print("DataLoader, seconds an epoch with workers:", seconds, flush=True)
    return min(seconds, key=seconds.get)


def torchvision_mnist(folder: Path, images: Tensor) -> torchvision.datasets.MNIST:
    """torchvision's own class, reading our images from files of its format instead of from the network."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels, n = (images * 255).round().byte().numpy().tobytes(), len(images)
    for part in ("train", "t10k"):  # it looks for both parts before it reads one
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 2051, n, 28, 28) + pixels)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, n) + bytes(n))
    return torchvision.datasets.MNIST(folder, train=True, transform=torchvision.transforms.ToTensor())


def pythae(vae: ae.VAE, images: Tensor) -> Contender:
    """Pythae's BaseTrainer on its own VAE, with our layers as its encoder and decoder."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.getLogger("pythae").setLevel(logging.ERROR)
    logging.getLogger("pythae.trainers.base_trainer.base_trainer").setLevel(logging.ERROR)
    tutorial = TutorialVAE(vae)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.tutorial = tutorial

        def forward(self, x: Tensor) -> ModelOutput:
            mean, logvar = self.tutorial.encode(x)
            return ModelOutput(embedding=mean, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.tutorial = tutorial

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.tutorial.decode(z))

    settings = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    model = VAE(settings, Encoder(), Decoder())
    folder = tempfile.mkdtemp()
    config = BaseTrainerConfig(
        output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=LR, num_epochs=1, no_cuda=True
    )
    trainer = BaseTrainer(model, BaseDataset(images, torch.zeros(len(images))), training_config=config)
    trainer.prepare_training()

    def train(epochs: int) -> None:
        trainer.set_optimizer()
        for epoch in range(epochs):
            trainer.train_step(epoch)

    return Contender(train, lambda x: model({"data": x}).loss, tutorial)


def lightning(vae: ae.VAE, images: Tensor) -> Contender:
    """Lightning's Trainer without logger, checkpoints and bar, on a DataLoader over a tensor in memory."""
    import lightning as L

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    tutorial = TutorialVAE(vae)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.tutorial = tutorial

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            return self.tutorial.loss(batch[0])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=LR)

    loader, module = DataLoader(TensorDataset(images), batch_size=BATCH, shuffle=True), Module()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}

    def train(epochs: int) -> None:
        trainer = L.Trainer(max_epochs=epochs, accelerator="cpu", enable_model_summary=False, **quiet)
        trainer.fit(module, loader)

    return Contender(train, lambda x: module.training_step([x], 0), tutorial)


CONTENDERS = {"naive": naive, "fit": fit, "dataloader": dataloader, "pythae": pythae, "lightning": lightning}


# The limit


def matrix_products(vae: ae.VAE, images: Tensor, batch: int = BATCH) -> Callable[[], None]:
    """The matrix products of an epoch and nothing else: of each layer forward, of its weights' gradient, and, but for
    the first layer, of its inputs' gradient. Into memory that is there, and without looking at the numbers."""
    weights = [layer.weight.detach() for layer in (*_linear(vae.encoder), *_linear(vae.decoder))]
    inputs = [torch.rand(batch, weight.shape[1]) for weight in weights]
    outputs = [torch.rand(batch, weight.shape[0]) for weight in weights]
    of_weights, of_inputs = ([torch.empty_like(part) for part in parts] for parts in (weights, inputs))
    flat = images.flatten(1)

    def epoch() -> None:
        for start in range(0, len(flat), batch):
            inputs[0] = flat[start : start + batch]
            n = len(inputs[0])
            for x, weight, y in zip(inputs, weights, outputs, strict=True):
                torch.mm(x[:n], weight.T, out=y[:n])
            for index in reversed(range(len(weights))):
                torch.mm(outputs[index][:n].T, inputs[index][:n], out=of_weights[index])
                if index:
                    torch.mm(outputs[index][:n], weights[index], out=of_inputs[index][:n])

    return epoch


def matrix_flops(sizes: list[tuple[int, int]], images: int) -> int:
    """Operations of `matrix_products` for layers of (inputs, outputs): two for each multiply-add, three products."""
    products = [fan_in * fan_out for fan_in, fan_out in sizes]
    return 2 * images * (3 * sum(products) - products[0])


def run(images: int = 60_000, rounds: int = 5) -> dict[str, object]:
    digits, test = ae.mnist("train")[0][:images], ae.mnist("test")[0]
    workers = fastest_workers(digits)
    makers = {**CONTENDERS, "dataloader": partial(dataloader, workers=workers)}
    contenders = {name: make(common.network(), digits) for name, make in makers.items()}
    turns = {name: partial(contender.train, 1) for name, contender in contenders.items()}
    turns["matrix products"] = matrix_products(common.network(), digits)
    torch.manual_seed(0)
    measured = common.interleaved(turns, rounds)
    elbo = {name: common.test_elbo(contender.vae(), test) for name, contender in contenders.items()}
    sizes = {"images": images, "epochs": rounds + 1, "workers": workers}
    return {**common.setting(), **sizes, "rounds": measured, "test_elbo": elbo}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    print(common.save("training_speed", run(**vars(parser.parse_args()))))
