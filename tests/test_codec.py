"""A codec gives back what it was given, in as few bytes as its tables allow; files are counted by their segments."""

import io
import math

import numpy as np
import pytest
import torch
import torch.nn as nn
from PIL import Image

import aecore as ae
from aecore import codec as module


class Fixed(nn.Module):
    """A decoder or an encoder that is just a function, with one parameter so that it has a device and a dtype."""

    def __init__(self, function):
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.function(x)


def identity(width=3):
    """A codec's model whose code is the picture itself."""
    return ae.Autoencoder(nn.Flatten(), Fixed(lambda h: h.view(len(h), 1, 1, width)))


def skewed(n=4000, width=3, seed=0):
    """Pictures of `width` pixels that are multiples of 1/8, small ones more often."""
    draws = torch.empty(n, 1, 1, width).geometric_(0.4, generator=torch.Generator().manual_seed(seed))
    return (draws - 1).clamp(max=8) / 8


@pytest.fixture(scope="module")
def digits():
    return ae.mnist("test")[0][:600]


@pytest.fixture(scope="module")
def network(digits):
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([784, 64, 16]), ae.mlp([16, 64, 784], out_shape=(1, 28, 28)))
    ae.fit(model, digits, epochs=15, lr=3e-3, device="cpu", progress=False)
    return model


# There and back


@pytest.mark.parametrize("step", [0.01, 0.3, 2.0, 50.0])
def test_the_decoder_gets_the_rounded_code_and_nothing_else(network, digits, step):
    codec = ae.Codec(network, digits, step)
    with torch.no_grad():
        rounded = (network.encode(digits[:50]).double() / step).round() * step
        expected = (network.decode(rounded.float()).clamp(0, 1) * 255).round() / 255
    files = codec.encode(digits[:50])
    torch.testing.assert_close(codec.decode(files), expected, rtol=0, atol=1e-7)
    assert torch.equal(codec.decode(files[7:8]), codec.decode(files)[7:8])


def test_what_comes_back_is_on_the_grid_of_the_step():
    x = torch.rand(500, 1, 1, 3, generator=torch.Generator().manual_seed(1))
    codec = ae.Codec(identity(), x, 0.2)
    assert (codec.decode(codec.encode(x)) - x).abs().max() <= 0.1 + 1 / 510 + 1e-6
    assert codec.symbols(x).unique().tolist() == [0, 1, 2, 3, 4, 5]


def test_files_begin_with_their_length_and_can_follow_each_other(network, digits):
    codec = ae.Codec(network, digits, 0.2)
    files = codec.encode(digits[:40])
    stream, found = b"".join(files), []
    while stream:
        found, stream = [*found, stream[: 1 + stream[0]]], stream[1 + stream[0] :]
    assert found == files


@pytest.mark.parametrize(("count", "takes"), [(0, 1), (1, 1), (127, 1), (128, 2), (16383, 2), (16384, 3)])
def test_a_length_takes_one_byte_for_every_seven_bits(count, takes):
    prefix = module._length_prefix(count)
    assert len(prefix) == takes
    assert module._content(prefix + bytes(count)) == bytes(count)


def test_a_long_code_comes_back_too():
    x = torch.rand(30, 1, 1, 400, generator=torch.Generator().manual_seed(0))
    codec = ae.Codec(identity(400), x, 1 / 255)
    files = codec.encode(x)
    assert min(map(len, files)) > 130
    torch.testing.assert_close(codec.decode(files), x, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_in_half_precision_gives_all_256_levels(dtype):
    levels = (torch.arange(252).view(84, 1, 1, 3) / 255).to(dtype)
    codec = ae.Codec(identity().to(dtype), levels, 1 / 1024)
    found = codec.decode(codec.encode(levels))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, (levels.float() * 255).round() / 255, rtol=0, atol=1e-6)


# Bits


def test_bits_are_minus_log2_of_counts_plus_one():
    x = skewed()
    codec = ae.Codec(identity(), x, 1 / 8)
    q = (x[:, 0, 0] * 8).round().long()
    expected = torch.zeros(len(x), dtype=torch.float64)
    for j in range(3):
        counts = [1 + int((q[:, j] == s).sum()) for s in range(int(q[:, j].max()) + 1)]
        expected += torch.tensor([-math.log2(counts[s] / sum(counts)) for s in q[:, j].tolist()], dtype=torch.float64)
    torch.testing.assert_close(codec.bits(x), expected)


def test_on_its_own_pictures_the_mean_is_the_entropy_of_the_histograms():
    x = skewed(20_000)
    codec = ae.Codec(identity(), x, 1 / 8)
    entropy = 0.0
    for column in codec.symbols(x).T:
        p = column.bincount().double() / len(x)
        entropy -= torch.special.xlogy(p, p).sum().item() / math.log(2)
    assert entropy <= codec.bits(x).mean().item() < entropy + 0.001  # a little more: one was added to every count


def test_the_coder_writes_hardly_more_than_the_bits(network, digits):
    for step in (0.05, 0.3, 1.0):
        codec = ae.Codec(network, digits, step)
        written = torch.tensor([len(file) - 1.0 for file in codec.encode(digits)], dtype=torch.float64)
        bits = codec.bits(digits)
        assert (written <= (bits / 8).ceil() + 1).all()  # each within a byte, beside its length
        assert bits.mean() / 8 - 0.7 < written.mean() < bits.mean() / 8 + 0.7


def test_the_more_frequent_the_shorter():
    x = torch.cat([torch.zeros(3000, 1, 1, 3), torch.ones(10, 1, 1, 3)])
    codec = ae.Codec(identity(), x, 0.5)
    usual, rare = codec.encode(x[[0, -1]])
    assert len(usual) < len(rare)
    assert codec.bits(x[:1]) < 0.1 < 20 < codec.bits(x[-1:])


def test_a_number_that_never_changes_takes_no_bytes():
    x = torch.full((9, 1, 1, 3), 0.5)
    codec = ae.Codec(identity(), x, 0.25)
    assert codec.encode(x[:2]) == [b"\0", b"\0"]
    torch.testing.assert_close(codec.decode([b"\0"]), x[:1], rtol=0, atol=1 / 500)
    assert codec.bits(x).abs().max() == 0


def test_what_is_outside_the_tables_is_moved_to_their_ends():
    codec = ae.Codec(identity(), skewed().clamp(max=0.5), 1 / 8)
    strange = torch.tensor([[[[1.0, 0.25, 0.0]]]])
    assert codec.symbols(strange).tolist() == [[4, 2, 0]]
    torch.testing.assert_close(
        codec.decode(codec.encode(strange)).flatten() * 8, torch.tensor([4, 2, 0.0]), atol=0.02, rtol=0
    )
    dark = ae.Codec(identity(), skewed().clamp(min=0.5), 1 / 8)
    assert dark.symbols(strange).tolist() == [[8, 4, 4]]


def test_the_receiver_needs_the_decoder_and_the_tables(network, digits):
    codec = ae.Codec(network, digits, 0.3)
    parameters = 16 * 64 + 64 + 64 * 784 + 784
    integers = sum(int(column.max() - column.min()) + 1 for column in codec.symbols(digits).T)
    assert codec.size == 4 * (parameters + integers + 16)


# Bytes that are not its own


def test_a_file_that_lost_or_gained_a_byte_is_refused(network, digits):
    codec = ae.Codec(network, digits, 0.3)
    (file,) = codec.encode(digits[:1])
    for bad in (file[:-1], file + b"\0", b"", b"\x80", b"\xff" * 30):
        with pytest.raises(ValueError, match="files must each begin with their length"):
            codec.decode([bad])
    with pytest.raises(ValueError, match="bytes that its tables do not allow"):
        codec.decode([bytes([40]) + b"\xff" * 40])


def test_bytes_after_the_code_are_refused(network, digits):
    codec = ae.Codec(network, digits, 0.3)
    for file in codec.encode(digits[:20]):
        content = file[1:] + bytes(8)
        with pytest.raises(ValueError, match=rf"files must come from this codec, got {len(content)} bytes for at most"):
            codec.decode([bytes([len(content)]) + content])


class CountingBytes(bytes):
    """Bytes that note how many of them were looked at one by one."""

    seen = 0

    def __iter__(self):
        for byte in super().__iter__():
            CountingBytes.seen += 1
            yield byte

    def __getitem__(self, key):
        return CountingBytes(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)


@pytest.mark.parametrize("byte", [b"\xff", b"\x80"])
def test_a_stream_that_only_claims_to_be_long_is_refused_after_a_few_bytes(network, digits, byte):
    codec = ae.Codec(network, digits, 0.3)
    CountingBytes.seen = 0
    with pytest.raises(ValueError, match="files must each begin with their length, got 600000 bytes"):
        codec.decode([CountingBytes(byte * 600_000)])
    assert 0 < CountingBytes.seen < 20


def test_a_step_that_leaves_too_many_integers_is_refused(network, digits):
    with pytest.raises(ValueError, match="step must leave at most 4096 integers"):
        ae.Codec(network, digits, 1e-5)
    with pytest.raises(ValueError, match="step must suit codes up to"):
        ae.Codec(network, digits, 1e-300)


def test_a_code_that_is_no_vector_is_refused(digits):
    with pytest.raises(ValueError, match="model must give codes of shape"):
        ae.Codec(ae.Autoencoder(nn.Identity(), nn.Identity()), digits, 0.1)


def test_pictures_of_0_to_255_are_refused(network, digits):
    """A decoder's pictures are cut off at 1."""
    with pytest.raises(ValueError, match="images must be at most 1, got 255"):
        ae.Codec(network, digits * 255, 1.0)
    with pytest.raises(ValueError, match="images must be at most 1, got 255"):
        ae.Codec(network, digits, 1.0).encode(digits[:1] * 255)


# Files


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_picture_of_any_precision_becomes_the_nearest_grey(dtype):
    greys = torch.linspace(0, 1, 784, dtype=dtype).view(1, 1, 28, 28)
    expected = (greys.double() * 255).round() / 255
    found = ae.read_pictures(ae.write_pictures(greys, "PNG")).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_png_loses_nothing_and_jpeg_more_the_lower_its_quality(digits):
    x = digits[:20]
    assert torch.equal(ae.read_pictures(ae.write_pictures(x, "PNG")), (x * 255).round() / 255)
    for kind in ("JPEG", "WEBP"):
        rates = [ae.write_pictures(x, kind, quality=quality) for quality in (5, 40, 90)]
        sizes = [np.mean([len(file) for file in files]) for files in rates]
        fidelity = [ae.psnr(ae.read_pictures(files), x).mean().item() for files in rates]
        assert sizes[0] < sizes[1] < sizes[2]
        assert fidelity[0] < fidelity[1] < fidelity[2]
        assert fidelity[0] > 18


def test_own_tables_change_the_file_and_not_the_picture(digits):
    usual, own = (ae.write_pictures(digits[:9], quality=30, own_tables=own) for own in (False, True))
    assert torch.equal(ae.read_pictures(usual), ae.read_pictures(own))
    assert all(len(a) > len(b) + 100 for a, b in zip(usual, own, strict=True))


@pytest.mark.parametrize("quality", [1, 30, 95])
def test_the_header_of_a_jpeg_says_nothing_about_the_picture(digits, quality):
    files = ae.write_pictures(digits[:30], quality=quality)
    heads = {file[: len(file) - 2 - ae.payload_size(file)] for file in files}
    assert len(heads) == 1
    head = heads.pop()
    assert len(head) == 328  # and two bytes of end marker
    assert head[-10:-8] == b"\xff\xda"  # ends with the header of the scan
    assert all(file.startswith(head) and file.endswith(b"\xff\xd9") for file in files)


def test_the_payload_of_a_png_is_its_compressed_pixels(digits):
    for file in ae.write_pictures(digits[:5], "PNG"):
        assert len(file) - ae.payload_size(file) == 8 + 25 + 12 + 12  # signature, IHDR, frames of IDAT and IEND


def test_the_payload_of_a_webp_is_without_container_and_frame_header(digits):
    for file in ae.write_pictures(digits[:9], "WEBP", quality=50):
        assert 30 <= len(file) - ae.payload_size(file) <= 31  # a byte of padding makes it even


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_an_escaped_byte_in_the_scan_is_no_marker():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    file = saved(noise, "JPEG", quality=95)
    assert b"\xff\x00" in file
    assert ae.payload_size(file) == len(file) - 330


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_broken_file_is_refused(digits, kind):
    (file,) = ae.write_pictures(digits[:1], kind)
    for bad in (file[:-3], file[: len(file) // 2], file[:20]):
        with pytest.raises(ValueError, match=r"file must be .* got"):
            ae.payload_size(bad)
    with pytest.raises(ValueError, match=r"files must be whole .* got"):
        ae.read_pictures([file[:40]])


def test_what_the_walk_does_not_understand_is_refused():
    image = Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28))
    strange = [saved(image, "JPEG", progressive=True), saved(image, "WEBP", lossless=True), saved(image, "BMP"), b""]
    for file in strange:
        with pytest.raises(ValueError, match=r"file must be .* got"):
            ae.payload_size(file)


def test_pictures_of_different_size_are_no_batch():
    files = [saved(Image.new("L", (n, n)), "PNG") for n in (8, 9)]
    with pytest.raises(ValueError, match="files must hold pictures of one size"):
        ae.read_pictures(files)
