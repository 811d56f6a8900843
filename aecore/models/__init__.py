"""Autoencoders and variational autoencoders: two `nn.Module`s, composed.

A decoder returns means or logits, never squashed values: the likelihood that follows knows what to do with them.
"""

from aecore.models.autoencoder import Autoencoder
from aecore.models.initialization import start_at_mean
from aecore.models.linear_gaussian import LinearGaussian
from aecore.models.networks import conv_decoder, conv_encoder, mlp
from aecore.models.vae import VAE

__all__ = ["VAE", "Autoencoder", "LinearGaussian", "conv_decoder", "conv_encoder", "mlp", "start_at_mean"]
