"""Checks for the exercises of lecture 03, compression."""

import io
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aecore.codec import payload_size
from aecore.exercises.verdict import Verdict, answer, close, judge, verdict
from aecore.models import Autoencoder, mlp

__all__ = [
    "check_break_even",
    "check_codec_loss",
    "check_entropy",
    "check_interval",
    "check_payload",
    "check_quantize",
]


@verdict
def check_quantize(function: Callable[[Tensor, float], tuple[Tensor, Tensor]]) -> Verdict:
    """Exercise 3.1: `function(h, step)` gives the integers of (3.1) and the code that the receiver decodes.

    Example:
        >>> from aecore.exercises.compression import check_quantize
        >>> check_quantize(lambda h, step: ((h / step).floor().long(), step * (h / step).floor()))
        Not yet: you took the next integer below; round takes the nearest
    """
    h, step = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), 0.4
    value = answer(function, h, step)
    if not isinstance(value, tuple | list) or len(value) != 2:
        return Verdict(False, f"return two tensors, the integers and the restored code, got {type(value).__name__}")
    q, h_hat = (torch.as_tensor(part) for part in value)
    integers = (h / step).round()
    verdict_of_q = judge(
        q,
        integers,
        "",
        {
            "you took the next integer below; round takes the nearest": (h / step).floor(),
            "you cut the digits off, as .long() does, towards zero; round takes the nearest": (h / step).trunc(),
            "you multiplied by the step where you should divide": (h * step).round(),
            "the step is missing: these are the nearest integers of h itself": h.round(),
            "these are multiples of the step; the first result is the integers": step * integers,
            "nothing is rounded": h / step,
        },
    )
    if not verdict_of_q:
        return verdict_of_q
    if q.is_floating_point():
        return Verdict(False, "the integers are right, but of a floating-point dtype; add .long()")
    return judge(
        h_hat,
        step * integers,
        "the integers are written, their multiples are decoded, and no error exceeds half a step.",
        {
            "the restored code is still in integers; multiply by the step": integers,
            "the restored code is the exact one; the receiver does not have it": h,
            "half a step is added: that would be right after rounding down": step * (integers + 0.5),
        },
    )


@verdict
def check_entropy(function: Callable[[Tensor], float]) -> Verdict:
    """Exercise 3.2: `function(symbols)` gives the entropy (3.3) of the histogram of integers, shape (n,), in bits.

    Example:
        >>> from aecore.exercises.compression import check_entropy
        >>> check_entropy(lambda symbols: len(symbols.unique()))
        Not yet: the shape is right, but the values differ by up to 2.25
    """
    symbols = torch.tensor([-2] * 8 + [0] * 4 + [1] * 2 + [7] * 2)
    p = torch.tensor([8, 4, 2, 2]).double() / 16
    bits = -(p * p.log2())
    return judge(
        answer(function, symbols),
        bits.sum(),
        "half a bit for each fact that halves the rest: 1.75 bits, where words of one length take 2.",
        {
            "these are nats; take log2": bits.sum() * math.log(2),
            "the minus is missing": -bits.sum(),
            "that is the length of words of one length, log2 of how many integers there are": torch.tensor(2.0),
            "every integer counts the same here; weigh -log2 p by p": (-p.log2()).mean(),
            "you summed over the pictures; that is the whole file, the entropy is the mean": 16 * bits.sum(),
            "you averaged over the integers after weighing them; sum p times -log2 p": bits.mean(),
            "these are decimal digits; take log2": bits.sum() * math.log10(2),
        },
    )


@verdict
def check_payload(function: Callable[[bytes], int]) -> Verdict:
    """Exercise 3.3: `function(file)` counts the bytes between the header of a JPEG's scan and its end marker.

    Example:
        >>> from aecore.exercises.compression import check_payload
        >>> check_payload(len)
        Not yet: that is the whole file: walk through the segments, and begin after the header of the scan
    """
    noise = np.random.default_rng(0).integers(0, 256, (32, 48), dtype=np.uint8)
    for comment in ("", "a comment of odd length \xff"):  # another header, the same scan
        content = io.BytesIO()
        Image.fromarray(noise).save(content, "JPEG", quality=90, comment=comment.encode("latin1"))
        file = content.getvalue()
        right, at = payload_size(file), file.index(b"\xff\xda")
        scan = file[-2 - right : -2]
        found = judge(
            answer(function, file),
            torch.tensor(right),
            "",
            {
                "that is the whole file: walk through the segments, and begin after the header of the scan": (
                    torch.tensor(len(file))
                ),
                "you counted the end marker, two bytes": torch.tensor(right + 2),
                "you counted the header of the scan: the two bytes after its marker say how long it is": torch.tensor(
                    len(file) - 2 - at
                ),
                "you counted the header of the scan and the end marker": torch.tensor(len(file) - at),
                "you forgot that a length does not count the two bytes of its marker": torch.tensor(right + 2 + 2),
                "you stopped at the first byte 255, which may belong to the picture: there it is followed by 0": (
                    torch.tensor(scan.index(b"\xff"))
                ),
                "330 bytes of header are right for one kind of file; here is another: walk": torch.tensor(
                    len(file) - 330
                ),
            },
        )
        if not found:
            return found
    return Verdict(True, "segment by segment, whatever stands in them.")


@verdict
def check_interval(function: Callable[[Sequence[int], Sequence[Fraction]], tuple[Fraction, Fraction]]) -> Verdict:
    """Exercise 3.4: `function(symbols, p)` gives low end and width of the interval of a message, as exact fractions.

    Example:
        >>> from aecore.exercises.compression import check_interval
        >>> check_interval(lambda symbols, p: (0.0, 1.0))
        Not yet: use fractions.Fraction, not floats: after some twenty symbols a float cannot tell the messages apart
    """
    p = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]
    message = [1, 0, 2, 2, 1]

    def narrow(symbols, first) -> tuple[Fraction, Fraction]:
        low, width = Fraction(0), Fraction(1)
        for symbol in symbols:
            low, width = low + width * sum(first(symbol), Fraction(0)), width * p[symbol]
        return low, width

    def plain(symbol):
        return p[:symbol]

    value = answer(function, message, p)
    if not isinstance(value, tuple | list) or len(value) != 2:
        return Verdict(False, f"return the low end and the width, got {type(value).__name__}")
    low, width = value
    if not all(isinstance(part, Fraction | int) for part in value):
        return Verdict(
            False,
            "use fractions.Fraction, not floats: after some twenty symbols a float cannot tell the messages apart",
        )
    right_low, right_width = narrow(message, plain)
    if (low, width) == (right_low, right_width):
        if tuple(answer(function, [], p)) != (0, 1):
            return Verdict(False, "an empty message has the whole interval, from 0, of width 1")
        return Verdict(True, "every symbol narrows the interval by its probability: -log2 of the width is (3.4).")
    mistakes = {
        "the second result is the high end; return the width": (right_low, right_low + right_width),
        "the symbol's own probability belongs to its interval, not below it: sum p[:s], not p[:s + 1]": narrow(
            message, lambda symbol: p[: symbol + 1]
        ),
        "the message is read backwards: the first symbol narrows first": narrow(message[::-1], plain),
        "the width is right, but the low end never moves": (Fraction(0), right_width),
    }
    for diagnosis, wrong in mistakes.items():
        if (low, width) == wrong:
            return Verdict(False, diagnosis)
    if width != right_width:
        return Verdict(False, f"the width is {width}; it is the product of the probabilities, {right_width}")
    return Verdict(False, "the width is right, the low end is not: it moves by the width *before* the symbol")


@verdict
def check_break_even(function: Callable[[int, float, float], float]) -> Verdict:
    """Exercise 3.5: `function(model, theirs, ours)` gives the least number of pictures from which ours is smaller.

    Example:
        >>> from aecore.exercises.compression import check_break_even
        >>> check_break_even(lambda model, theirs, ours: model / (theirs - ours))
        Not yet: pictures come whole: the least integer above 3333.33 is wanted
    """
    value = answer(function, 100_000, 45.0, 15.0)
    mistakes = {
        "pictures come whole: the least integer above 3333.33 is wanted": 100_000 / 30,
        "that many pictures still cost a little more: round up": 3333,
        "a picture saves the difference of the two, not all of theirs": math.ceil(100_000 / 45),
        "you divided by our bytes; a picture saves the difference of the two": math.ceil(100_000 / 15),
        "the sign is wrong: a picture saves theirs minus ours": math.ceil(-100_000 / 30),
    }
    if not close(float(value), torch.tensor(3334.0), 1e-9):
        for diagnosis, wrong in mistakes.items():
            if close(float(value), torch.tensor(float(wrong)), 1e-7):
                return Verdict(False, diagnosis)
        return Verdict(False, f"100,000 bytes, saving 30 a picture, are paid for by 3,334 pictures, got {value}")
    if answer(function, 90, 45.0, 15.0) != 4:
        return Verdict(
            False, "90 bytes, saving 30 a picture: after 3 pictures both cost the same; ours is smaller after 4"
        )
    for theirs in (15.0, 10.0):
        if answer(function, 100_000, theirs, 15.0) != math.inf:
            return Verdict(False, f"at {theirs:g} bytes against our 15 it never pays: return math.inf")
    return Verdict(True, "the model is paid for by what each picture saves, and sometimes never.")


@verdict
def check_codec_loss(function: Callable[[Autoencoder, Tensor, Tensor], dict[str, Tensor]]) -> Verdict:
    """Exercise 3.6: `function(model, x, target)` is a loss for the coder: noise for rounding, and a price for bits.

    Example:
        >>> from aecore.exercises.compression import check_codec_loss
        >>> check_codec_loss(lambda model, x, target: {"error": model.loss(x, target)})
        Not yet: the same call gives the same loss twice: add uniform noise to the code
    """
    torch.manual_seed(0)
    model, x = Autoencoder(mlp([6, 4]), mlp([4, 6])), torch.rand(256, 6)

    def total(model: Autoencoder) -> Tensor:
        parts = answer(function, model, x, x)
        parts = parts if isinstance(parts, dict) else {"loss": parts}
        return sum(torch.as_tensor(part).mean() for part in parts.values())

    def scaled(factor: float, shift: float = 0.0) -> Autoencoder:
        """The same reconstructions by a code that is `factor` times as large, and moved."""
        other = Autoencoder(mlp([6, 4]), mlp([4, 6]))
        other.load_state_dict(model.state_dict())
        with torch.no_grad():
            other.encoder[1].weight.mul_(factor)
            other.encoder[1].bias.mul_(factor).add_(shift)
            other.decoder[1].weight.div_(factor)
            other.decoder[1].bias.sub_(other.decoder[1].weight.sum(dim=1) * shift)
        return other

    loss = total(model)
    if not loss.requires_grad:
        return Verdict(False, "the loss does not depend on the model's parameters")
    loss.backward()
    if (gradient := model.encoder[1].weight.grad) is None or gradient.abs().max() == 0:
        return Verdict(False, "no gradient reaches the encoder: rounding has none; add noise instead")
    if torch.equal(total(model), total(model)):
        return Verdict(False, "the same call gives the same loss twice: add uniform noise to the code")
    with torch.no_grad():
        small, large, larger = (torch.stack([total(scaled(f)) for _ in range(20)]).mean() for f in (0.01, 1e3, 1e6))
    if not torch.isfinite(torch.stack([small, large, larger])).all():
        return Verdict(
            False, "a code that is nearly constant, or very large, gives nan or infinity; add 1/12 to a variance"
        )
    if small < 3 * large:
        return Verdict(
            False, "a code smaller than the noise should drown in it: the noise is one step wide, whatever h is"
        )
    if larger < large + 1e-3:
        return Verdict(
            False, "a code a thousand times larger costs nothing here: it takes 10 bits more for each number"
        )
    moved = torch.stack([total(scaled(1e3, 1e5)) for _ in range(5)]).mean()
    if moved > large + 0.5 * (larger - large):
        return Verdict(False, "a constant added to the code costs bits here, but the table knows it: use the variance")
    return Verdict(True, "noise where the decoder will see rounding, and a price on the spread of the code.")
