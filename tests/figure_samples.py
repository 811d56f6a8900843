"""Small figures of every kind, made in no time: for tests of the figures' Python."""

import torch
from torch import nn

import aecore as ae
from aelab import figures

PIXELS = torch.rand(10, 784, generator=torch.Generator().manual_seed(0))
PICTURES = PIXELS.view(10, 1, 28, 28)
LABELS = list(range(10))


class Loud(nn.Module):
    """Batch norm and dropout: another function in training mode."""

    def __init__(self, *sizes):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(*sizes[:2]), nn.BatchNorm1d(sizes[1]), nn.Linear(*sizes[1:])
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.second(self.drop(self.norm(self.first(x.flatten(1)))))


def vaes(*betas):
    torch.manual_seed(0)
    return [ae.VAE(Loud(784, 8, 4), Loud(2, 8, 784), beta=beta, latent_dim=2) for beta in betas]


def sparse(originals=PIXELS, activations=None, dead=((0, 0), (0, 0)), penalties=(0, 1)):
    activations = torch.ones(2, len(originals), 2) if activations is None else activations
    filters = torch.ones(2, 2, 784)
    return figures.SparseCodes(penalties, filters, torch.zeros(2, 784), originals, activations, [1, 2], [3, 4], dead)


def plane(codes=PIXELS[:, :2], decoder=None, labels=LABELS):
    decoder = nn.Sequential(nn.Linear(2, 784), nn.Sigmoid()) if decoder is None else decoder
    return figures.LatentPlane({"plane": (codes, decoder)}, labels)


def bottleneck(originals=PIXELS, widths=(1, 2), **traits):
    pictures = originals[None] * torch.ones(2, 1, 1, dtype=originals.dtype)
    return figures.Bottleneck(widths, originals, pictures, pictures, [9.0, 8.0], [7.0, 6.0], **traits)


def pad(digits=PIXELS, network=None):
    torch.manual_seed(0)
    return figures.DenoisePad(nn.Sequential(nn.Linear(784, 784)) if network is None else network, digits)


def codecs():
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([784, 4]), ae.mlp([4, 784], out_shape=(1, 28, 28)))
    return {"row": [ae.Codec(model, PICTURES, step) for step in (1.0, 0.5)]}


def rate(pictures=PICTURES):
    return figures.RateDistortion(pictures, ["a digit"] * len(pictures), codecs())


def field(means=((0.0, 0.0),), network=None, **settings):
    network = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)) if network is None else network
    return figures.ScoreField(means, settings.get("width", 1.0), settings.get("noises", [0.5]), [network])


def dial(images=PIXELS, models=None, labels=LABELS):
    return figures.BetaDial(vaes(1, 4) if models is None else models, images, labels)
