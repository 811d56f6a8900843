"""Every public function with arguments that it takes and, for each argument, what it must refuse."""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn as nn

import aecore as ae

UNIT = torch.linspace(0, 1, 12).view(3, 4)
EYES = torch.eye(4).expand(3, 4, 4)
LABELS = torch.tensor([0, 1, 1])


def autoencoder():
    return ae.Autoencoder(nn.Linear(4, 2), nn.Linear(2, 4))


def vae(likelihood="bernoulli"):
    return ae.VAE(nn.Linear(4, 4), nn.Linear(2, 4), likelihood)


def codec():
    torch.manual_seed(0)
    return ae.Codec(autoencoder(), UNIT, 0.1)


def linear_gaussian():
    return ae.LinearGaussian(UNIT, 0.5)


FILES = ae.write_pictures(UNIT.view(3, 1, 2, 2))
WIDER = ae.write_pictures(UNIT.view(1, 1, 3, 4))
NO_FILES = [None, "x", b"x", 3, [], [None], ["x"], [b""], [b"x"], [bytearray(2)], {}]
NO_TENSORS = [None, "x", 1.0, [[0.5]], np.ones((3, 4)), UNIT.long(), UNIT.bool(), UNIT.cfloat(), UNIT.to_sparse()]
NO_TENSORS += [UNIT.to("meta"), torch.empty(3, 0), UNIT * math.nan]
NOT_FINITE = [UNIT / 0 - 1, UNIT.log()]
REALS = [*NO_TENSORS, UNIT * math.inf, *NOT_FINITE]
PROBABILITIES = [*REALS, UNIT + 0.1, UNIT - 0.1]
OTHER_SHAPES = [UNIT[:, :3], UNIT[:2], UNIT[None]]
NO_NUMBERS = [None, "1", 1j, True, math.nan, math.inf, -math.inf, 10**400, Fraction(10**400), torch.tensor(1.0)]
RATES = [*NO_NUMBERS, -0.01, 1.01]
POSITIVE = [*NO_NUMBERS, 0, -1]
COUNTS = [None, "1", 1.0, True, 0, -1, 2**70, [1]]
GENERATORS = [0, "seed", np.random.default_rng(0)]
COVARIANCES = [*REALS, -EYES, EYES[:, :3], EYES[:2], EYES + EYES.roll(1, 1)]
COVARIANCES += [torch.zeros(3, 4, 4)]
DEVICES = [0.5, "gpu", "", "cuda:99", "meta"]
MODULES = [None, "encoder", 3, torch.relu, nn.Linear]
CODES = [*REALS, UNIT[0], UNIT[:, :3]]
LABEL_LISTS = [None, [0, 1, 1], LABELS.float(), LABELS.bool(), LABELS[:2], LABELS[None]]
IMAGES_OF_A_RUN = [images for images in REALS if not isinstance(images, np.ndarray)]
IMAGES_OF_A_RUN += [UNIT[0], UNIT[0].numpy(), UNIT.numpy() > 0]
LABELS_OF_A_RUN = ["x", True, [0, 1, 1], LABELS[:2], LABELS[None], LABELS[0]]
SIGMAS = [
    *POSITIVE[:4],
    *POSITIVE[5:9],
    0,
    -1,
    1e-60,
    UNIT,
    -UNIT - 1,
    UNIT[:, :3] + 1,
    UNIT[None] + 1,
    UNIT * math.nan,
]
SIZES = [None, 4, "44", [4], [4, 0], [4, 2.0], [4, True], []]
LAYERS = [None, 4, "4", [0], [2.0], []]
LOSSES = [3, "mse", lambda *_: None, lambda *_: {}, lambda *_: UNIT, lambda m, x, t: x.sum().long()]
DATA = [*REALS, UNIT[0], UNIT[:, :3]]

DIAGONAL = {"mean": (UNIT, [*REALS, UNIT[0]]), "logvar": (UNIT, [*REALS, *OTHER_SHAPES])}
CASES = {
    "mask": (ae.mask, {"x": (UNIT, REALS), "rate": (0.5, RATES), "generator": (None, GENERATORS)}),
    "add_gaussian": (
        ae.add_gaussian,
        {"x": (UNIT, REALS), "std": (0.5, [*NO_NUMBERS, -0.1]), "generator": (None, GENERATORS)},
    ),
    "salt_and_pepper": (
        ae.salt_and_pepper,
        {"x": (UNIT, PROBABILITIES), "rate": (0.5, RATES), "generator": (None, GENERATORS)},
    ),
    "binarize": (
        ae.binarize,
        {
            "x": (UNIT, PROBABILITIES),
            "mode": ("dynamic", [None, "static", np.array(["a", "b"])]),
            "generator": (None, GENERATORS),
        },
    ),
    "mnist": (ae.mnist, {"split": ("test", [None, "validation", 1, np.array(["a", "b"])]), "device": (None, DEVICES)}),
    "fashion_mnist": (ae.fashion_mnist, {"split": ("test", [None, "train", 1]), "device": (None, DEVICES)}),
    "dataset": (
        ae.dataset,
        {
            "name": ("KMNIST", [None, "NoSuchSet", "VisionDataset", np.array(["a", "b"])]),
            "split": ("test", [None, "validation"]),
            "root": (None, [3, b"x"]),
            "device": (None, DEVICES),
        },
    ),
    "bernoulli_kl": (
        ae.bernoulli_kl,
        {"p": (UNIT, [*PROBABILITIES, UNIT[:, :3]]), "q": (UNIT, PROBABILITIES)},
    ),
    "gaussian_kl": (ae.gaussian_kl, DIAGONAL),
    "gaussian_kl_full": (
        ae.gaussian_kl_full,
        {
            "mean0": (UNIT, [*REALS, UNIT[0]]),
            "cov0": (EYES, COVARIANCES),
            "mean1": (UNIT, [*REALS, *OTHER_SHAPES]),
            "cov1": (EYES, COVARIANCES),
        },
    ),
    "squared_error": (ae.squared_error, {"x_hat": (UNIT, [*REALS, UNIT[0]]), "x": (UNIT, [*REALS, *OTHER_SHAPES])}),
    "bernoulli_log_prob": (
        ae.bernoulli_log_prob,
        {"logits": (UNIT, [*REALS, UNIT[0]]), "x": (UNIT, [*PROBABILITIES, *OTHER_SHAPES])},
    ),
    "gaussian_log_prob": (
        ae.gaussian_log_prob,
        {"x": (UNIT, [*REALS, UNIT[0]]), "mean": (UNIT, [*REALS, *OTHER_SHAPES]), "sigma": (1.0, SIGMAS)},
    ),
    "l1_sparsity": (ae.l1_sparsity, {"a": (UNIT, [*REALS, UNIT[0]])}),
    "kl_sparsity": (ae.kl_sparsity, {"a": (UNIT, [*PROBABILITIES, UNIT[0]]), "rho": (0.1, [*RATES, 0, 1])}),
    "reparameterize": (ae.reparameterize, {**DIAGONAL, "eps": (UNIT, [*REALS, UNIT[0], UNIT[:, :3], UNIT[:2]])}),
    "reparameterize_full": (
        ae.reparameterize_full,
        {
            "mean": (UNIT, [*REALS, UNIT[0]]),
            "scale_tril": (EYES, [*REALS, EYES[:2], -EYES, EYES + 1]),
            "eps": (UNIT, [*REALS, UNIT[0], UNIT[:, :3]]),
        },
    ),
    "iwae_bound": (ae.iwae_bound, {"log_w": (UNIT, [*NO_TENSORS, UNIT + math.inf, UNIT[0]])}),
    "mlp": (
        ae.mlp,
        {"sizes": ([4, 2], SIZES), "activation": (nn.ReLU, [None, int, 3]), "out_shape": (None, [2, [], [3], "2"])},
    ),
    "conv_encoder": (
        ae.conv_encoder,
        {
            "out_features": (2, COUNTS),
            "channels": ([4], LAYERS),
            "in_channels": (1, COUNTS),
            "image_size": (4, [*COUNTS, 5]),
        },
    ),
    "conv_decoder": (
        ae.conv_decoder,
        {
            "latent_dim": (2, COUNTS),
            "channels": ([4], LAYERS),
            "out_channels": (1, COUNTS),
            "image_size": (4, [*COUNTS, 5]),
        },
    ),
    "Autoencoder": (ae.Autoencoder, {"encoder": (nn.Identity(), MODULES), "decoder": (nn.Identity(), MODULES)}),
    "Autoencoder.encode": (lambda **kw: autoencoder().encode(**kw), {"x": (UNIT, [*DATA, UNIT.double()])}),
    "Autoencoder.decode": (lambda **kw: autoencoder().decode(**kw), {"h": (UNIT[:, :2], [*DATA, UNIT[:, :2].half()])}),
    "Autoencoder.forward": (lambda **kw: autoencoder()(**kw), {"x": (UNIT, DATA)}),
    "start_at_mean": (
        ae.start_at_mean,
        {
            "model": (
                vae(),
                [
                    *MODULES,
                    nn.Linear(4, 4),
                    ae.VAE(nn.Linear(4, 4), nn.Identity()),
                ],
            ),
            "images": (UNIT, [*PROBABILITIES, UNIT[0], UNIT[:, :3]]),
        },
    ),
    "VAE": (
        ae.VAE,
        {
            "encoder": (nn.Linear(4, 4), [*MODULES, nn.Linear(4, 3)]),
            "decoder": (nn.Linear(2, 4), MODULES),
            "likelihood": ("gaussian", [None, "poisson", 1]),
            "sigma": (1.0, POSITIVE),
            "beta": (1.0, [*NO_NUMBERS, -0.1]),
            "latent_dim": (None, [0, -1, 2.0, True]),
        },
    ),
    "VAE without a width": (
        lambda latent_dim: ae.VAE(nn.Identity(), nn.Identity(), latent_dim=latent_dim),
        {"latent_dim": (2, [None])},
    ),
    "VAE of another width": (
        lambda encoder: ae.VAE(encoder, nn.Linear(2, 4), latent_dim=2).elbo(UNIT),
        {"encoder": (nn.Linear(4, 4), [nn.Linear(4, 6)])},
    ),
    "VAE.encode": (lambda **kw: vae().encode(**kw), {"x": (UNIT, [*DATA, UNIT.double()])}),
    "VAE.decode": (lambda **kw: vae().decode(**kw), {"z": (UNIT[:, :2], [*REALS, UNIT[:, :3], torch.tensor(1.0)])}),
    "VAE.elbo": (
        lambda **kw: vae().elbo(**kw),
        {"x": (UNIT, [*DATA, *PROBABILITIES]), "generator": (None, GENERATORS)},
    ),
    "VAE.log_weights": (
        lambda **kw: vae().log_weights(**kw),
        {"x": (UNIT, [*DATA, *PROBABILITIES]), "samples": (2, COUNTS), "generator": (None, GENERATORS)},
    ),
    "VAE.sample": (lambda **kw: vae().sample(**kw), {"n": (2, COUNTS), "generator": (None, GENERATORS)}),
    "VAE.forward": (lambda **kw: vae()(**kw), {"x": (UNIT, DATA)}),
    "LinearGaussian": (
        ae.LinearGaussian,
        {
            "weights": (UNIT, [*REALS, UNIT[0]]),
            "sigma": (0.5, POSITIVE),
            "offset": (None, [*REALS[1:], UNIT[0], UNIT]),
        },
    ),
    "LinearGaussian.likelihood": (
        lambda **kw: linear_gaussian().likelihood(**kw),
        {"z": (UNIT, [*REALS, UNIT[:, :3]])},
    ),
    "LinearGaussian.posterior": (
        lambda **kw: linear_gaussian().posterior(**kw),
        {"x": (EYES[0, :, :3], [*REALS, UNIT])},
    ),
    "LinearGaussian.elbo": (
        lambda **kw: linear_gaussian().elbo(**kw),
        {
            "x": (UNIT[:, :3], [*REALS, UNIT]),
            "mean": (UNIT, [*REALS, *OTHER_SHAPES]),
            "cov": (EYES, COVARIANCES),
        },
    ),
    "fit": (
        lambda **kw: ae.fit(**{"model": autoencoder(), "images": UNIT, "epochs": 1, "progress": False, **kw}),
        {
            "model": (None, [None, "model", torch.relu, nn.Identity()]),
            "images": (UNIT, IMAGES_OF_A_RUN),
            "epochs": (1, COUNTS),
            "labels": (None, LABELS_OF_A_RUN),
            "scale": (None, POSITIVE[1:]),
            "batch_size": (2, COUNTS[1:]),
            "lr": (0.1, POSITIVE),
            "schedule": ("one_cycle", [None, "cosine", 1]),
            "loss": (None, [*LOSSES, lambda m, x, t: x.sum()]),
            "corrupt": (None, [3, "mask"]),
            "device": ("cpu", DEVICES),
            "cuda_graph": (None, [1, "yes", True]),  # there is a graph only on a GPU
            "seed": (0, [*COUNTS[:4], -1, 2**70]),
            "checkpoint": (None, [3, b"x", torch.nn]),
            "checkpoint_every": (1, COUNTS),
        },
    ),
    "fit without a loss": (
        lambda loss: ae.fit(nn.Linear(4, 4), UNIT, epochs=1, loss=loss),
        {"loss": (lambda m, x, t: m(x).sum(), [None])},
    ),
    "fit of a Bernoulli VAE": (
        lambda images: ae.fit(vae(), images, epochs=1, device="cpu"),
        {"images": (UNIT, [UNIT * 255, UNIT - 0.5])},
    ),
    "evaluate": (
        lambda **kw: ae.evaluate(**{"model": autoencoder(), "images": UNIT, **kw}),
        {
            "model": (autoencoder(), [None, "model"]),
            "images": (UNIT, IMAGES_OF_A_RUN),
            "labels": (None, LABELS_OF_A_RUN),
            "scale": (None, POSITIVE[1:]),
            "batch_size": (2, COUNTS[1:]),
            "loss": (None, LOSSES),
            "corrupt": (None, [3, "mask"]),
            "seed": (0, [*COUNTS[:4], -1, 2**70]),
        },
    ),
    "log_likelihood": (
        ae.log_likelihood,
        {
            "vae": (vae(), [None, autoencoder()]),
            "x": (UNIT, [*DATA, *PROBABILITIES]),
            "samples": (2, COUNTS),
            "chunk": (2, COUNTS),
            "generator": (None, GENERATORS),
        },
    ),
    "active_units": (
        ae.active_units,
        {
            "vae": (vae(), [None, autoencoder()]),
            "x": (UNIT, [*DATA, *PROBABILITIES, UNIT[:1]]),
            "threshold": (0.1, [*NO_NUMBERS, -1]),
        },
    ),
    "linear_probe": (
        ae.linear_probe,
        {
            "train_codes": (UNIT, [*REALS, UNIT[0]]),
            "train_labels": (LABELS, [*LABEL_LISTS, torch.zeros(3, dtype=torch.int64)]),
            "test_codes": (UNIT, [*REALS, UNIT[0], UNIT[:, :3]]),
            "test_labels": (LABELS, LABEL_LISTS),
            "penalty": (1.0, POSITIVE),
        },
    ),
    "psnr": (ae.psnr, {"x_hat": (UNIT, [*REALS, UNIT[0]]), "x": (UNIT, [*PROBABILITIES, *OTHER_SHAPES])}),
    "Codec": (
        ae.Codec,
        {
            "model": (autoencoder(), [*MODULES, vae(), ae.Autoencoder(nn.Unflatten(1, (2, 2)), nn.Flatten())]),
            "images": (UNIT, [*DATA, *PROBABILITIES, UNIT.double()]),
            "step": (0.1, [*POSITIVE, 1e-7, 1e-300]),
        },
    ),
    "Codec.symbols": (lambda **kw: codec().symbols(**kw), {"images": (UNIT, [*DATA, *PROBABILITIES])}),
    "Codec.bits": (lambda **kw: codec().bits(**kw), {"images": (UNIT, [*DATA, *PROBABILITIES])}),
    "Codec.encode": (lambda **kw: codec().encode(**kw), {"images": (UNIT, [*DATA, *PROBABILITIES])}),
    "Codec.decode": (
        lambda **kw: codec().decode(**kw),
        {"files": (codec().encode(UNIT), [*NO_FILES, [b"\x02\x01"], [b"(" + b"\xff" * 40]])},
    ),
    "write_pictures": (
        ae.write_pictures,
        {
            "images": (UNIT.view(3, 1, 2, 2), [*PROBABILITIES, UNIT, UNIT.view(1, 3, 2, 2)]),
            "kind": ("JPEG", [None, "GIF", 1]),
            "quality": (50, [*COUNTS[1:], 96]),
            "own_tables": (True, [None, 1, "yes"]),
        },
    ),
    "write_pictures as PNG": (
        lambda **kw: ae.write_pictures(UNIT.view(3, 1, 2, 2), "PNG", **kw),
        {"quality": (None, [1, 95]), "own_tables": (False, [True])},
    ),
    "read_pictures": (ae.read_pictures, {"files": (FILES, [*NO_FILES, FILES[:1] * 2 + WIDER])}),
    "payload_size": (ae.payload_size, {"file": (FILES[0], [None, "x", FILES, b"", b"GIF89a", FILES[0][:20]])}),
    "value_checks": (ae.value_checks, {"enabled": (False, [None, 0, 1, "no", torch.tensor(True)])}),
}
