"""Whatever is wrong with an argument, the error names it; whatever is right with it, no nan comes out."""

import inspect
import math
import re
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn as nn
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import aecore as ae

examples = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

# What every public function takes, and what it must refuse for each argument.

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
COVARIANCES = [*REALS, -EYES, EYES[:, :3], EYES[:2], EYES.double(), EYES.half(), EYES + EYES.roll(1, 1)]
COVARIANCES += [torch.zeros(3, 4, 4)]
DEVICES = [0.5, "gpu", "", "cuda:99", "meta"]
MODULES = [None, "encoder", 3, torch.relu, nn.Linear]
CODES = [*REALS, UNIT[0], UNIT[:, :3]]
LABEL_LISTS = [None, [0, 1, 1], LABELS.float(), LABELS.bool(), LABELS[:2], LABELS[None]]
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
        {"x": (UNIT, REALS), "rate": (0.5, RATES), "generator": (None, GENERATORS)},
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
            "mean1": (UNIT, [*REALS, *OTHER_SHAPES, UNIT.double()]),
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
            "scale_tril": (EYES, [*REALS, EYES[:2], -EYES, EYES + 1, EYES.double()]),
            "eps": (UNIT, [*REALS, UNIT[0], UNIT[:, :3], UNIT.double()]),
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
    "fit": (
        lambda **kw: ae.fit(**{"model": autoencoder(), "images": UNIT, "epochs": 1, "progress": False, **kw}),
        {
            "model": (None, [None, "model", torch.relu, nn.Identity()]),
            "images": (UNIT, [*REALS, UNIT[0]]),
            "epochs": (1, COUNTS),
            "batch_size": (2, COUNTS),
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
            "images": (UNIT, [*REALS, UNIT[0]]),
            "batch_size": (2, COUNTS),
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
        {"vae": (vae(), [None, autoencoder()]), "x": (UNIT, [*DATA, UNIT[:1]]), "threshold": (0.1, [*NO_NUMBERS, -1])},
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
    "psnr": (ae.psnr, {"x_hat": (UNIT, [*REALS, UNIT[0]]), "x": (UNIT, [*REALS, *OTHER_SHAPES])}),
    "Codec": (
        ae.Codec,
        {
            "model": (autoencoder(), [*MODULES, vae(), ae.Autoencoder(nn.Unflatten(1, (2, 2)), nn.Flatten())]),
            "images": (UNIT, [*DATA, UNIT.double()]),
            "step": (0.1, [*POSITIVE, 1e-7, 1e-300]),
        },
    ),
    "Codec.symbols": (lambda **kw: codec().symbols(**kw), {"images": (UNIT, DATA)}),
    "Codec.bits": (lambda **kw: codec().bits(**kw), {"images": (UNIT, DATA)}),
    "Codec.encode": (lambda **kw: codec().encode(**kw), {"images": (UNIT, DATA)}),
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
}
TAKES_NOTHING = {"pick_device", "History"}


class FakeSet:
    data, targets = torch.zeros(2, 28, 28, dtype=torch.uint8), torch.zeros(2)

    def __init__(self, *args, **kwargs):
        pass


@pytest.fixture(autouse=True, scope="module")
def _no_network_and_no_litter(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.datasets, "KMNIST", FakeSet)
        patch.chdir(tmp_path_factory.mktemp("here"))
        yield


def usual(name):
    """Arguments that are taken; those that are None by default are left out."""
    return {argument: good for argument, (good, _) in CASES[name][1].items() if good is not None}


def test_every_public_name_is_tested_with_bad_input():
    tested = {re.split(r"[ .]", name)[0] for name in CASES}
    assert tested | TAKES_NOTHING == set(ae.__all__)
    for name in set(CASES) & set(ae.__all__):  # and every argument of it
        assert set(CASES[name][1]) >= set(inspect.signature(CASES[name][0]).parameters) - {"kw"}
    assert set(CASES["fit"][1]) == set(inspect.signature(ae.fit).parameters) - {"progress"}
    assert set(CASES["evaluate"][1]) == set(inspect.signature(ae.evaluate).parameters)


@pytest.mark.parametrize("name", CASES)
def test_good_input_is_taken(name):
    CASES[name][0](**usual(name))


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, (_, arguments) in CASES.items() for argument in arguments]
)
def test_a_bad_argument_is_refused_by_name_and_told_what_it_is(name, argument):
    function, arguments = CASES[name]
    for bad in arguments[argument][1]:
        with pytest.raises((TypeError, ValueError)) as caught:
            function(**{**usual(name), argument: bad})
        told = str(caught.value)
        assert re.match(rf"{argument}\b", told), (bad, told)
        assert re.search(r"\bgot\b|does not fit", told), (bad, told)


# Properties

FINITE = st.floats(-1e4, 1e4, width=32)
PROBABILITY = st.floats(0, 1, width=32)
LOG_VARIANCE = st.floats(-60, 60, width=32)
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=5)


@st.composite
def tensors(draw, *elements, shapes=SHAPES):
    """Tensors of one shape and dtype, with values drawn from each of `elements`."""
    shape, dtype = draw(shapes), draw(st.sampled_from([torch.float32, torch.float64]))
    return [torch.tensor(draw(arrays(np.float64, shape, elements=values))).to(dtype) for values in elements]


@st.composite
def gaussians(draw):
    """Means and well-conditioned covariances of two batches of Gaussians."""
    mean0, mean1 = draw(tensors(FINITE, FINITE))
    batch, k = mean0.shape
    root0, root1 = (
        torch.tensor(draw(arrays(np.float64, (batch, k, k), elements=st.floats(-3, 3)))).to(mean0.dtype)
        for _ in range(2)
    )
    eye = torch.eye(k, dtype=mean0.dtype)
    return [mean0, root0 @ root0.mT + eye, mean1, root1 @ root1.mT + eye]


IMAGES = array_shapes(min_dims=2, max_dims=4, max_side=4)
ANY = array_shapes(min_dims=1, max_dims=4, max_side=4)


def per_image(inputs):
    return (len(inputs[0]),)


def same_as_first(inputs):
    return tuple(inputs[0].shape)


VALID = {
    "mask": (lambda x, r: ae.mask(x, r.flatten()[0].item()), tensors(FINITE, PROBABILITY, shapes=ANY), same_as_first),
    "salt_and_pepper": (
        lambda x, r: ae.salt_and_pepper(x, r.flatten()[0].item()),
        tensors(FINITE, PROBABILITY, shapes=ANY),
        same_as_first,
    ),
    "add_gaussian": (
        lambda x, s: ae.add_gaussian(x, s.abs().flatten()[0].item()),
        tensors(FINITE, FINITE, shapes=ANY),
        same_as_first,
    ),
    "binarize": (ae.binarize, tensors(PROBABILITY, shapes=ANY), same_as_first),
    "bernoulli_kl": (ae.bernoulli_kl, tensors(PROBABILITY, PROBABILITY, shapes=ANY), same_as_first),
    "gaussian_kl": (ae.gaussian_kl, tensors(FINITE, LOG_VARIANCE), per_image),
    "gaussian_kl_full": (ae.gaussian_kl_full, gaussians(), per_image),
    "squared_error": (ae.squared_error, tensors(FINITE, FINITE, shapes=IMAGES), per_image),
    "bernoulli_log_prob": (ae.bernoulli_log_prob, tensors(FINITE, PROBABILITY, shapes=IMAGES), per_image),
    "gaussian_log_prob": (
        ae.gaussian_log_prob,
        tensors(FINITE, FINITE, st.floats(2**-10, 2**10, width=32), shapes=IMAGES),
        per_image,
    ),
    "l1_sparsity": (ae.l1_sparsity, tensors(FINITE), lambda _: ()),
    "kl_sparsity": (lambda a: ae.kl_sparsity(a, 0.05), tensors(PROBABILITY), lambda _: ()),
    "reparameterize": (ae.reparameterize, tensors(FINITE, LOG_VARIANCE, FINITE), same_as_first),
    "reparameterize_full": (
        lambda mean, cov, *_: ae.reparameterize_full(mean, torch.linalg.cholesky(cov), mean),
        gaussians(),
        same_as_first,
    ),
    "iwae_bound": (ae.iwae_bound, tensors(st.one_of(FINITE, st.just(-math.inf))), lambda inputs: inputs[0].shape[1:]),
    "psnr": (ae.psnr, tensors(PROBABILITY, PROBABILITY, shapes=IMAGES), per_image),
}
NEVER_NEGATIVE = {"bernoulli_kl", "gaussian_kl", "gaussian_kl_full", "squared_error", "l1_sparsity", "kl_sparsity"}


def test_every_function_of_tensors_has_its_property():
    assert set(VALID) == {*ae.losses.__all__, "psnr", "mask", "salt_and_pepper", "add_gaussian", "binarize"}


@pytest.mark.parametrize("name", VALID)
@examples
@given(data=st.data())
def test_valid_input_gives_the_promised_shape_and_no_nan(name, data):
    function, strategy, shape = VALID[name]
    inputs = data.draw(strategy)
    before = [value.clone() for value in inputs]
    found = function(*inputs)
    assert tuple(found.shape) == tuple(shape(inputs))
    assert found.dtype == inputs[0].dtype
    assert not found.isnan().any()
    assert all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True))
    if name in NEVER_NEGATIVE:
        assert (found >= 0).all()
    if name == "bernoulli_log_prob":
        assert (found <= 0).all()


@examples
@given(
    x=tensors(PROBABILITY, shapes=st.tuples(st.integers(1, 5), st.just(4))),
    likelihood=st.sampled_from(["bernoulli", "gaussian"]),
    samples=st.integers(1, 9),
    chunk=st.integers(1, 9),
)
def test_a_vae_gives_the_promised_shapes_and_no_nan(x, likelihood, samples, chunk):
    x = x[0].float()
    model = vae(likelihood)
    outputs = [model.elbo(x), ae.log_likelihood(model, x, samples, chunk=chunk), *model.loss(x).values()]
    assert all(output.shape == (len(x),) and output.isfinite().all() for output in outputs)
    assert model(x).shape == x.shape
    assert model.log_weights(x, samples).shape == (samples, len(x))


@st.composite
def junk_tensors(draw):
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    dtype = draw(
        st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool])
    )
    fill = draw(st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e30, -1e30, math.nan, math.inf, -math.inf]))
    tensor = torch.full(shape, fill, dtype=torch.float64)
    if draw(st.booleans()):
        tensor = tensor + torch.linspace(0, 1, max(1, tensor.numel())).double()[: tensor.numel()].view(shape)
    if dtype in (torch.int64, torch.bool):
        tensor = tensor.nan_to_num(0, 7, 7).clamp(-9, 9)
    return tensor.to(dtype)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 6),
    st.sampled_from([2**64, -(2**64), 10**400]),
    st.floats(),
    st.fractions(),
    st.complex_numbers(),
    st.text("ab é€0", max_size=4),  # no slash: a checkpoint may be written under this name
    st.binary(max_size=3),
    st.lists(st.integers(-2, 5), max_size=3),
    st.dictionaries(st.text(max_size=1), st.integers(0, 1), max_size=1),
    junk_tensors(),
    junk_tensors(),
    arrays(np.float32, array_shapes(max_side=3)),
    st.sampled_from([len, int, nn.ReLU, nn.Identity(), nn.Linear(4, 4), torch.Generator(), torch.float32, object()]),
    st.sampled_from([lambda *_: None, lambda *_: {}, lambda *_: {"a": torch.zeros(3)}, lambda x, *_: x]),
)


@pytest.mark.parametrize("name", CASES)
@examples
@given(data=st.data())
def test_junk_raises_nothing_but_type_and_value_errors(name, data):
    function, arguments = CASES[name]
    spoiled = data.draw(st.lists(st.sampled_from(sorted(arguments)), min_size=1, unique=True))
    junk = {argument: data.draw(JUNK, label=argument) for argument in spoiled}
    with suppress(TypeError, ValueError):
        function(**{**usual(name), **junk})


# Documentation

NO_FORMULA = {"History", "dataset", "evaluate", "pick_device"}  # software, not science: no source to cite


@pytest.mark.parametrize("name", ae.__all__)
def test_every_public_name_says_what_it_takes_returns_and_raises_with_source_and_example(name):
    thing = getattr(ae, name)
    text = inspect.getdoc(thing)
    wanted = ["Example:\n    >>> "]
    if name not in NO_FORMULA:
        wanted.append("Source: ")
    if inspect.isfunction(thing):
        wanted.append("Returns:\n")
    if name not in TAKES_NOTHING:
        wanted += ["Args:\n", "Raises:\n"] if name != "dataset" else ["Args:\n"]
        for parameter in inspect.signature(thing).parameters:
            assert re.search(rf"^    .*\b{parameter}\b.*:", text, re.MULTILINE), parameter
    for part in wanted:
        assert part in text, part
    assert text.split("\n")[0].endswith((".", ":"))
