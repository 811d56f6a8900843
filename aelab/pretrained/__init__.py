"""Weights of the few networks whose training decides what a lecture concludes, with the script that made them."""

from aelab.pretrained.codec import digit_codec, price_per_bit

__all__ = ["digit_codec", "price_per_bit"]
