"""Checks for the exercises of lecture 03, compression."""

import io
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from fractions import Fraction

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from aecore.image_files import payload_size
from aecore.models import Autoencoder
from aelab.exercises.verdict import NotYet, Verdict, answer, as_tensor, judge, pair, tensor_answer, verdict

__all__ = [
    "check_break_even",
    "check_codec_loss",
    "check_entropy",
    "check_interval",
    "check_payload",
    "check_quantize",
]


@verdict
def check_quantize(function: Callable[[Tensor, float], tuple[Tensor, Tensor]], case: int) -> Verdict:
    """Exercise 3.1: `function(h, step)` gives the integers of (3.1) and the code that the receiver decodes.

    Example:
        >>> from aelab.exercises.compression import check_quantize
        >>> check_quantize(lambda h, step: ((h / step).floor().long(), step * (h / step).floor()))
        Not yet: you took the next integer below; round takes the nearest
    """
    h, step = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(case)), (0.4, 0.7)[case]
    first, second = pair(answer(function, h, step), "the integers and the restored code")
    q, h_hat = as_tensor(first, "the first result"), as_tensor(second, "the second result")
    integers = (h / step).round()
    of_integers = judge(
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
    if not of_integers:
        return of_integers
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
def check_entropy(function: Callable[[Tensor], float], case: int) -> Verdict:
    """Exercise 3.2: `function(symbols)` gives the entropy (3.3) of the histogram of integers, shape (n,), in bits.

    Example:
        >>> from aelab.exercises.compression import check_entropy
        >>> check_entropy(lambda symbols: len(symbols.unique()))
        Not yet: the shape is right, but the values differ by up to 2.25
    """
    counts = ({-2: 8, 0: 4, 1: 2, 7: 2}, {3: 4, 5: 2, 9: 2})[case]
    symbols = torch.tensor([symbol for symbol, count in counts.items() for _ in range(count)])
    p = torch.tensor(list(counts.values())).double() / len(symbols)
    bits = -(p * p.log2())
    return judge(
        answer(function, symbols),
        bits.sum(),
        "half a bit for each fact that halves the rest: 1.75 bits, where words of one length take 2.",
        {
            "these are nats; take log2": bits.sum() * math.log(2),
            "the minus is missing": -bits.sum(),
            "that is the length of words of one length, log2 of how many integers there are": torch.tensor(
                math.log2(len(p))
            ),
            "every integer counts the same here; weigh -log2 p by p": (-p.log2()).mean(),
            "you summed over the pictures; that is the whole file, the entropy is the mean": len(symbols) * bits.sum(),
            "you averaged over the integers after weighing them; sum p times -log2 p": bits.mean(),
            "these are decimal digits; take log2": bits.sum() * math.log10(2),
        },
    )


@verdict
def check_payload(function: Callable[[bytes], int], case: int) -> Verdict:
    """Exercise 3.6: `function(file)` counts the bytes between the header of a JPEG's scan and its end marker.

    Example:
        >>> from aelab.exercises.compression import check_payload
        >>> check_payload(len)
        Not yet: that is the whole file: walk through the segments, and begin after the header of the scan
    """
    noise = np.random.default_rng(case).integers(0, 256, (32, 48 + 16 * case), dtype=np.uint8)
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
def check_interval(
    function: Callable[[Sequence[int], Sequence[Fraction]], tuple[Fraction, Fraction]], case: int
) -> Verdict:
    """Exercise 3.3: `function(symbols, p)` gives low end and width of the interval of a message, as exact fractions.

    Example:
        >>> from aelab.exercises.compression import check_interval
        >>> check_interval(lambda symbols, p: (0.0, 1.0))
        Not yet: use fractions.Fraction, not floats: after some twenty symbols a float cannot tell the messages apart
    """
    p = ([Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)], [Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)])[case]
    message = ([1, 0, 2, 2, 1], [2, 1, 0, 2])[case]

    def narrow(symbols: Sequence[int], first: Callable[[int], Sequence[Fraction]]) -> tuple[Fraction, Fraction]:
        low, width = Fraction(0), Fraction(1)
        for symbol in symbols:
            low, width = low + width * sum(first(symbol), Fraction(0)), width * p[symbol]
        return low, width

    def plain(symbol: int) -> Sequence[Fraction]:
        return p[:symbol]

    names = "the low end and the width"
    low, width = pair(answer(function, message, p), names)
    if not all(isinstance(part, Fraction | int) for part in (low, width)):
        return Verdict(
            False,
            "use fractions.Fraction, not floats: after some twenty symbols a float cannot tell the messages apart",
        )
    right_low, right_width = narrow(message, plain)
    if (low, width) == (right_low, right_width):
        if pair(answer(function, [], p), names) != (0, 1):
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
def check_break_even(function: Callable[[int, float, float], float], case: int) -> Verdict:
    """Exercise 3.5: `function(model, theirs, ours)` gives the least number of pictures from which ours is smaller.

    Example:
        >>> from aelab.exercises.compression import check_break_even
        >>> check_break_even(lambda model, theirs, ours: model / (theirs - ours))
        Not yet: pictures come whole: the least integer above 3333.33 is wanted
    """
    ours = (15.0, 10.0)[case]
    saved = 45 - round(ours)

    def least(model: int, theirs: float) -> float:
        value = tensor_answer(function, model, theirs, ours)
        if value.numel() != 1:
            raise NotYet(f"the result must be one number, got shape {tuple(value.shape)}")
        return value.item()

    value, right = least(100_000, 45.0), 100_000 // saved + 1
    mistakes = {
        f"pictures come whole: the least integer above {100_000 / saved:.2f} is wanted": 100_000 / saved,
        "that many pictures still cost a little more: round up": right - 1,
        "a picture saves the difference of the two, not all of theirs": math.ceil(100_000 / 45),
        "you divided by our bytes; a picture saves the difference of the two": math.ceil(100_000 / ours),
        "the sign is wrong: a picture saves theirs minus ours": math.ceil(-100_000 / saved),
    }
    if value != right:
        for diagnosis, wrong in mistakes.items():
            if math.isclose(value, wrong, rel_tol=1e-6):  # float32 keeps seven digits
                return Verdict(False, diagnosis)
        return Verdict(
            False, f"100,000 bytes, saving {saved} a picture, are paid for by {right:,} pictures, got {value:g}"
        )
    if least(3 * saved, 45.0) != 4:
        return Verdict(
            False,
            f"{3 * saved} bytes, saving {saved} a picture: after 3 pictures both cost the same; "
            "ours is smaller after 4",
        )
    for theirs in (ours, ours - 5):
        if least(100_000, theirs) != math.inf:
            return Verdict(False, f"at {theirs:g} bytes against our {ours:g} it never pays: return math.inf")
    return Verdict(True, "the model is paid for by what each picture saves, and sometimes never.")


@verdict
def check_codec_loss(function: Callable[[Autoencoder, Tensor, Tensor], dict[str, Tensor]], case: int) -> Verdict:
    """Exercise 3.4: `function(model, x, target)` is a loss for the coder: noise for rounding, and a price for bits.

    Example:
        >>> from aelab.exercises.compression import check_codec_loss
        >>> check_codec_loss(lambda model, x, target: {"error": model.loss(x, target)})
        Not yet: the same call gives the same loss twice: add uniform noise to the code
    """
    encoder, decoder, x = nn.Linear(6, 4), nn.Linear(4, 6), torch.rand(256, 6)
    model = Autoencoder(encoder, decoder)

    target = x.clone()

    def total(model: Autoencoder, x: Tensor = x, target: Tensor = target) -> Tensor:
        result = answer(function, model, x, target)
        parts = result if isinstance(result, dict) else {"loss": result}
        means = [as_tensor(part, repr(name)).double().mean() for name, part in parts.items()]
        return torch.stack(means).sum() if means else torch.zeros(())

    def scaled(factor: float, shift: float = 0.0) -> Autoencoder:
        """The same reconstructions by a code that is `factor` times as large, and moved."""
        other_encoder, other_decoder = deepcopy(encoder), deepcopy(decoder)
        with torch.no_grad():
            other_encoder.weight.mul_(factor)
            other_encoder.bias.mul_(factor).add_(shift)
            other_decoder.weight.div_(factor)
            other_decoder.bias.sub_(other_decoder.weight.sum(dim=1) * shift)
        return Autoencoder(other_encoder, other_decoder)

    loss = total(model)
    if not loss.requires_grad:
        return Verdict(False, "the loss does not depend on the model's parameters")
    gradient = torch.autograd.grad(loss, encoder.weight, allow_unused=True)[0]
    if gradient is None or gradient.abs().max() == 0:
        return Verdict(False, "no gradient reaches the encoder: rounding has none; add noise instead")
    for name, other in (("x", total(model, x=100 * x)), ("target", total(model, target=100 + target))):
        if not other > loss + 1:
            return Verdict(False, f"{name} does not count: compare what is decoded from x with the target")
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
