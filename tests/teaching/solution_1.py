"""Assignment 1, solved: what a code learned from digits is worth on clothes. `python tests/teaching/solution_1.py`."""

import math

import torch
from torch import nn

import aecore as ae

BUDGETS = (10, 100)


def draws(labels, per_class, count=5):
    """`count` draws of `per_class` indices of every class, the same ones whenever they are asked for."""
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        members = [(labels == c).nonzero()[:, 0] for c in range(10)]
        yield torch.cat([m[torch.randperm(len(m), generator=generator)[:per_class]] for m in members])


def autoencoder(images, kind, seed, epochs):
    torch.manual_seed(seed)
    sizes = [784, 256, 10] if kind == "bottleneck" else [784, 256]
    last = nn.Identity() if kind == "bottleneck" else nn.ReLU()
    decoder = nn.Sequential(ae.mlp(sizes[::-1], out_shape=(1, 28, 28)), nn.Sigmoid())
    model = ae.Autoencoder(nn.Sequential(ae.mlp(sizes), last), decoder)
    corrupt = None if kind != "denoising" else lambda x: ae.mask(x, 0.5)
    ae.fit(model, images, epochs=epochs, batch_size=64, lr=2e-3, corrupt=corrupt, seed=seed, device="cpu")
    return model.eval()


def accuracy(encode, split, per_class):
    """Accuracy on each draw, in per cent: shape (draws,)."""
    train, labels, test, test_labels = split
    with torch.no_grad():
        codes, test_codes = encode(train), encode(test)
    return 100 * torch.tensor(
        [ae.linear_probe(codes[i], labels[i], test_codes, test_labels) for i in draws(labels, per_class)]
    )


def run(pictures=20_000, epochs=4, seeds=range(3)):
    """Accuracies (seeds, draws) by (where, whose code, labels); shares of the variance left by (where, whose)."""
    digits, digit_labels = (part[:pictures] for part in ae.mnist("train"))
    digits_test, digits_test_labels = (part[:1000] for part in ae.mnist("test"))
    clothes, clothes_labels = ae.fashion_mnist()
    splits = {
        "digits": (digits, digit_labels, digits_test, digits_test_labels),
        "clothes": (clothes[:1000], clothes_labels[:1000], clothes[1000:], clothes_labels[1000:]),
    }
    # As many steps for the thousand clothes as for the digits.
    longer = epochs * math.ceil(pictures / 1000)
    plan = [("digits", kind, digits, epochs) for kind in ("bottleneck", "wide", "denoising")]
    plan += [("clothes", kind, clothes[:1000], longer) for kind in ("bottleneck", "denoising")]
    models = {f"{kind} of {of}": [autoencoder(x, kind, s, n) for s in seeds] for of, kind, x, n in plan}
    found, left = {}, {}
    for where, split in splits.items():
        spread = (split[2] - split[0].mean(dim=0)).square().flatten(1).sum(dim=1).mean()
        for budget in BUDGETS:
            raw = accuracy(lambda x: x.flatten(1), split, budget // 10)
            found[where, "raw pixels", budget] = raw.expand(len(seeds), -1)
            for name, group in models.items():
                found[where, name, budget] = torch.stack([accuracy(m.encode, split, budget // 10) for m in group])
        for name, group in models.items():
            left[where, name] = torch.tensor([ae.evaluate(m, split[2]) / spread for m in group])
    return found, left


def paired(found, where, name, other, budget):
    """The difference on the same draws, in points, for each seed: shape (seeds,)."""
    return (found[where, name, budget] - found[where, other, budget]).mean(dim=1)


if __name__ == "__main__":
    found, left = run()
    for (where, name, budget), value in found.items():
        gain = paired(found, where, name, "raw pixels", budget)
        error = gain.std() / len(gain) ** 0.5
        print(f"{where}, {name}, {budget} labels: {value.mean():.1f} %, minus pixels {gain.mean():+.1f} ± {error:.2f}")
    for (where, name), share in left.items():
        print(f"{where}, {name}: {100 * share.mean():.0f} % of the error of the mean picture")
