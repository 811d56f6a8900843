"""Assignment 2, solved: three bugs, and what latent dimensions buy. `python tests/teaching/solution_2.py`.

The tests of the three parts take the function to judge: they fail on the starter's and pass on the repaired ones.
"""

import math

import torch

import aecore as ae

DIMENSIONS = (1, 2, 5, 10, 20, 40)


def draw(mean, logvar, eps):
    return mean + (0.5 * logvar).exp() * eps


def kl(mean, logvar):
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(dim=1)


def bound(log_w):
    """(6.19): the logarithm of the mean weight, shape (pictures,)."""
    return log_w.logsumexp(dim=0) - math.log(len(log_w))


def takes_log_variance(draw):
    """A variance of 4 and a noise of 1 give 2."""
    z = draw(torch.zeros(1, 1), torch.full((1, 1), math.log(4)), torch.ones(1, 1))
    return torch.allclose(z, torch.tensor(2.0))


def sums_over_latents(kl):
    """A mean of 1 with variance 1 costs half a nat in each of ten dimensions."""
    return torch.allclose(kl(torch.ones(3, 10), torch.zeros(3, 10)), torch.full((3,), 5.0))


def is_a_mean_of_weights(bound):
    """If all weights are the same, their mean is that weight, however many there are."""
    return torch.allclose(bound(torch.full((100, 3), -90.0)), torch.full((3,), -90.0))


CHECKS = {"draw": takes_log_variance, "kl": sums_over_latents, "bound": is_a_mean_of_weights}


def vae(k, seed, pixel_means):
    torch.manual_seed(seed)
    model = ae.VAE(ae.mlp([784, 200, 2 * k]), ae.mlp([k, 200, 784], out_shape=(1, 28, 28)))
    model.decoder[-2].bias.data.copy_(pixel_means.clamp(0.001, 0.999).logit().flatten())
    return model


def loss(draw, kl):
    """The loss for `ae.fit`, put together from the two parts that are judged."""

    def parts(model, x, target):
        mean, logvar = model.posterior(x)
        logits = model.decoder(draw(mean, logvar, torch.randn_like(mean)))
        return {"reconstruction": -ae.bernoulli_log_prob(logits, x), "kl": kl(mean, logvar)}

    return parts


def run(pictures=20_000, epochs=8, seeds=range(3), dimensions=DIMENSIONS, samples=100):
    """For each dimension the ELBO, log p(x) by importance sampling, KL term and active units: shape (seeds, 4)."""
    images = ae.mnist("train")[0]
    train = ae.binarize(images[:pictures], generator=torch.Generator().manual_seed(1))
    test = ae.binarize(ae.mnist("test")[0], generator=torch.Generator().manual_seed(0))[:1000]
    rows = {k: [] for k in dimensions}
    for k in dimensions:
        for seed in seeds:
            model = vae(k, seed, images.mean(dim=0))
            ae.fit(model, train, epochs=epochs, batch_size=100, lr=2e-3, loss=loss(draw, kl), seed=seed, device="cpu")
            with torch.no_grad():
                generator = torch.Generator().manual_seed(0)
                log_w = torch.cat([model.log_weights(x, samples, generator=generator) for x in test.split(100)], dim=1)
                cost = ae.gaussian_kl(*model.posterior(test)).mean()
            active = ae.active_units(model, test).sum()
            rows[k].append(torch.stack([log_w.mean(), bound(log_w).mean(), cost, active.float()]))
    return {k: torch.stack(values) for k, values in rows.items()}


if __name__ == "__main__":
    for k, rows in run().items():
        print(
            k,
            "ELBO, log p(x), KL, active:",
            *(f"{m:.1f} ± {s:.1f}" for m, s in zip(rows.mean(0), rows.std(0), strict=True)),
        )
