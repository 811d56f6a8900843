"""Images of a tensor, an array, a Dataset and a DataLoader, with and without labels, give the same training."""

import copy

import numpy as np
import pytest
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from training_runs import IMAGES, same_parameters

import aecore as ae
from aecore.training.batches import batch_sizes

PIXELS = (IMAGES * 255).round().to(torch.uint8)
LABELS = torch.arange(50) % 5
QUIET = {"batch_size": 16, "lr": 5e-3, "seed": 3, "device": "cpu", "progress": False, "epochs": 2}


def autoencoder():
    torch.manual_seed(0)
    return ae.Autoencoder(nn.Linear(6, 3), nn.Linear(3, 6))


def mapped(tmp_path, values, mode="r"):
    """A file on disk, as an array that is read when it is used."""
    array = np.memmap(tmp_path / "images", values.numpy().dtype, "w+", shape=tuple(values.shape))
    array[:] = values.numpy()
    array.flush()
    return np.memmap(tmp_path / "images", values.numpy().dtype, mode, shape=tuple(values.shape))


class Pairs(Dataset):
    """Images and labels, one at a time, in whatever form."""

    def __init__(self, images=IMAGES, labels=LABELS):
        self.images, self.labels, self.read = images, labels, []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.read.append(index)
        return self.images[index], self.labels[index].item()


class Alone(Pairs):
    def __getitem__(self, index):
        return super().__getitem__(index)[0]


class AtOnce(Pairs):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


SOURCES = {
    "a tensor": lambda tmp_path: (IMAGES, {}),
    "an array": lambda tmp_path: (IMAGES.numpy(), {}),
    "a file on disk": lambda tmp_path: (mapped(tmp_path, IMAGES), {}),
    "a Dataset of pairs": lambda tmp_path: (Pairs(), {}),
    "a Dataset of images": lambda tmp_path: (Alone(), {}),
    "a Dataset that reads several at once": lambda tmp_path: (AtOnce(), {}),
    "a TensorDataset": lambda tmp_path: (TensorDataset(IMAGES, LABELS), {}),
    "a Dataset of bytes": lambda tmp_path: (Pairs(PIXELS), {"scale": 255}),
    "bytes": lambda tmp_path: (PIXELS, {"scale": 255}),
    "bytes in an array": lambda tmp_path: (PIXELS.numpy(), {"scale": 255}),
    "bytes on disk": lambda tmp_path: (mapped(tmp_path, PIXELS), {"scale": 255}),
    "two bytes a pixel": lambda tmp_path: (PIXELS.numpy().astype(np.uint16), {"scale": 255}),
    "bytes of another machine": lambda tmp_path: (mapped(tmp_path, PIXELS.short()).astype(">i2"), {"scale": 255}),
    "floats in 0..255": lambda tmp_path: (PIXELS.float(), {"scale": 255}),
}


@pytest.mark.parametrize("what", SOURCES)
def test_every_source_of_the_same_images_trains_the_same_model(what, tmp_path):
    images, options = SOURCES[what](tmp_path)
    expected, found = autoencoder(), autoencoder()
    reference = PIXELS.float() / 255 if options else IMAGES
    history = ae.fit(expected, reference, **QUIET)
    assert ae.fit(found, images, **QUIET, **options).loss == history.loss
    assert same_parameters(found, expected)
    assert ae.evaluate(found, images, **options, batch_size=7) == ae.evaluate(expected, reference, batch_size=7)


def test_an_array_on_disk_is_read_in_the_rows_of_a_batch(tmp_path):
    rows = []

    class Noted(np.memmap):
        def __getitem__(self, index):
            rows.append(len(index))
            return np.asarray(super().__getitem__(index))

    images = mapped(tmp_path, PIXELS).view(Noted)
    ae.fit(autoencoder(), images, **QUIET, scale=255)
    assert rows == [16, 16, 16, 2] * 2


def test_the_dtype_of_the_model_decides_that_of_scaled_images():
    model, seen = autoencoder().double(), []
    loss = lambda model, x, target: seen.append(x.dtype) or model.loss(x, target)  # noqa: E731
    ae.fit(model, PIXELS, **QUIET, scale=255, loss=loss)
    ae.evaluate(model, PIXELS, scale=255, loss=loss)
    assert set(seen) == {torch.float64}
    assert ae.evaluate(model, PIXELS, scale=255) == pytest.approx(ae.evaluate(model, PIXELS.double() / 255), rel=1e-15)


def test_images_of_the_caller_stay_as_they_are():
    images = PIXELS.float()
    ae.evaluate(autoencoder(), images, scale=255)
    ae.fit(autoencoder(), images, **QUIET, scale=255)
    assert torch.equal(images, PIXELS.float())
    needs_gradient = IMAGES.clone().requires_grad_()
    ae.fit(autoencoder(), needs_gradient, **QUIET)
    assert needs_gradient.grad is None


# A DataLoader


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_trains_and_evaluates_with_its_own_batches(workers):
    seen = []
    loader = DataLoader(Pairs(PIXELS), batch_size=20, shuffle=True, num_workers=workers)
    run = {**QUIET, "batch_size": None, "scale": 255, "corrupt": lambda x: seen.append(x) or x}
    model = autoencoder()
    history = ae.fit(model, loader, **run)
    assert [len(x) for x in seen] == [20, 20, 10] * 2
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    scaled = PIXELS.float() / 255
    for epoch in (first, second):
        assert torch.equal(epoch.sort(dim=0).values, scaled.sort(dim=0).values)
    assert not torch.equal(first, second)
    assert history.loss[1] < history.loss[0]
    assert ae.evaluate(model, loader, scale=255) == pytest.approx(ae.evaluate(model, scaled), rel=1e-5)


def test_the_seed_decides_the_order_of_a_loader_and_the_callers_randomness_stays():
    loader, models = DataLoader(Alone(), batch_size=16, shuffle=True), [autoencoder() for _ in range(3)]
    state, run = torch.get_rng_state(), {**QUIET, "batch_size": None}
    losses = [
        ae.fit(model, loader, **{**run, "seed": seed}).loss for model, seed in zip(models, (1, 1, 2), strict=True)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_a_run_on_a_loader_resumes_to_the_same_bits(tmp_path):
    def loader():
        return DataLoader(Alone(), batch_size=16, shuffle=True)

    run = {**QUIET, "batch_size": None}
    whole, resumed = autoencoder(), autoencoder()
    ae.fit(whole, loader(), **{**run, "epochs": 4})
    ae.fit(autoencoder(), loader(), **run, checkpoint=tmp_path / "run")
    ae.fit(resumed, loader(), **{**run, "epochs": 4}, checkpoint=tmp_path / "run")
    assert same_parameters(whole, resumed)
    with pytest.raises(ValueError, match=r"another run: .*data"):
        ae.fit(autoencoder(), DataLoader(Alone(IMAGES[:40]), batch_size=13), **run, checkpoint=tmp_path / "run")


def test_a_loader_with_its_own_generator_has_no_checkpoint(tmp_path):
    loader = DataLoader(Alone(), batch_size=16, shuffle=True, generator=torch.Generator())
    run = {**QUIET, "batch_size": None}
    ae.fit(autoencoder(), loader, **run)
    with pytest.raises(ValueError, match="images must be a DataLoader without a generator for a checkpoint"):
        ae.fit(autoencoder(), loader, **run, checkpoint=tmp_path / "run")


class Stream(IterableDataset):
    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter([IMAGES[:16]] * self.batches)


class Counted(Stream):
    def __len__(self):
        return 3


@pytest.mark.filterwarnings("ignore:Length of IterableDataset")  # torch's own remark, beside the error
def test_a_stream_of_known_length_is_taken_and_any_other_is_refused_by_name():
    run = {**QUIET, "batch_size": None}
    assert len(ae.fit(autoencoder(), DataLoader(Counted(3), batch_size=None), **run).loss) == 2
    for stream in (Stream(3), Counted(3)):
        with pytest.raises(TypeError, match=r"images must be a Dataset with a length.* got (Stream|Counted)"):
            ae.fit(autoencoder(), stream, **run)
    with pytest.raises(TypeError, match="images must be a DataLoader of known length"):
        ae.fit(autoencoder(), DataLoader(Stream(3), batch_size=None), **run)
    for given, got in ((2, "2"), (4, "more")):
        with pytest.raises(ValueError, match=f"images must give as many batches as .* 3, got {got}"):
            ae.fit(autoencoder(), DataLoader(Counted(given), batch_size=None), **run)


# Labels


class Conditional(ae.VAE):
    """A VAE whose encoder and decoder see the label, without gluing it to the images."""

    def __init__(self, classes):
        super().__init__(nn.Linear(6 + classes, 4), nn.Linear(2 + classes, 6), latent_dim=2)
        self.classes = classes

    def loss(self, x, target, labels):
        onehot = nn.functional.one_hot(labels, self.classes).to(x.dtype)
        mean, logvar = self.encoder(torch.cat([x, onehot], dim=1)).chunk(2, dim=1)
        z = ae.reparameterize(mean, logvar, torch.randn_like(mean))
        logits = self.decoder(torch.cat([z, onehot], dim=1))
        return {"reconstruction": -ae.bernoulli_log_prob(logits, target), "kl": ae.gaussian_kl(mean, logvar)}


def test_a_conditional_vae_learns_what_its_labels_say():
    prototypes = torch.bernoulli(torch.full((5, 6), 0.5))
    labels = torch.arange(200) % 5
    images = prototypes[labels]
    model = Conditional(5)
    run = {**QUIET, "epochs": 60, "lr": 0.02}
    ae.fit(model, images, labels=labels, **run)
    # The label decides the image, so the decoder needs no code and knows every pixel.
    assert ae.evaluate(model, images, labels=labels) < 1
    assert ae.evaluate(model, images, labels=labels.roll(1)) > 5


def labelled(model, x, target, labels):
    return (model(x) - target).square().sum(dim=1) * (1 + labels)


@pytest.mark.parametrize("images", [Pairs(), TensorDataset(IMAGES, LABELS), DataLoader(Pairs(), batch_size=16)])
def test_labels_of_a_dataset_are_those_of_a_tensor(images):
    model = autoencoder()
    expected = ae.evaluate(model, IMAGES, labels=LABELS, loss=labelled, batch_size=16)
    assert ae.evaluate(model, images, labels=True, loss=labelled) == pytest.approx(expected, rel=1e-6)


def test_labels_stay_with_their_images():
    images = torch.arange(50.0).repeat(6, 1).T / 50

    def loss(model, x, target, labels):
        assert torch.equal(target[:, 0], labels / 50)
        return model.loss(x, target)

    ae.fit(autoencoder(), images, **QUIET, labels=torch.arange(50), loss=loss)
    ae.fit(autoencoder(), TensorDataset(images, torch.arange(50)), **QUIET, labels=True, loss=loss)
    ae.evaluate(autoencoder(), images, labels=torch.arange(50), loss=loss)


# A last batch that is too small for batch normalization


def normalized():
    torch.manual_seed(0)
    return ae.Autoencoder(nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)), nn.Linear(3, 6))


@pytest.mark.parametrize("images", [IMAGES[:33], Alone(IMAGES[:33])])
def test_a_single_last_image_joins_the_batch_before_it_under_batch_normalization(images):
    seen = []

    def noting(x):
        seen.append(len(x))
        return x

    ae.fit(normalized(), images, **QUIET, corrupt=noting)
    assert seen == [16, 17] * 2
    seen.clear()
    frozen = normalized()
    frozen.encoder[1].eval()
    ae.fit(frozen, images, **QUIET, corrupt=noting)
    ae.fit(autoencoder(), images, **QUIET, corrupt=noting)
    assert seen == [16, 16, 1] * 4


def test_batch_sizes_add_up():
    for n in range(1, 20):
        for size in range(1, 20):
            for smallest in range(1, 4):
                sizes = batch_sizes(n, size, smallest)
                assert sum(sizes) == n
                assert all(found == size for found in sizes[:-1])
                assert len(sizes) == 1 or sizes[-1] >= min(smallest, size)


# Refusals


@pytest.mark.parametrize("function", [ae.fit, ae.evaluate])
@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (PIXELS, {}, TypeError, r"images must be floating-point, got torch.uint8; .* images / 255"),
        (PIXELS.numpy(), {}, TypeError, r"images must be floating-point, or integers with scale=.* got uint8"),
        (Pairs(PIXELS), {}, TypeError, r"images must be floating-point, got torch.uint8; .* images / 255"),
        (PIXELS, {"scale": 0}, ValueError, r"scale must be a finite number in \(0"),
        (PIXELS, {"scale": "255"}, TypeError, "scale must be a real number"),
        (PIXELS > 0, {"scale": 1}, TypeError, "images must be integers or floating-point, got torch.bool"),
        (PIXELS[0], {"scale": 255}, ValueError, "images must have at least 2 dimensions"),
        (PIXELS[:0], {"scale": 255}, ValueError, "images must not be empty"),
        (IMAGES.numpy().astype(complex), {}, TypeError, "images must be floating-point, or integers.*got complex128"),
        (IMAGES.numpy()[0], {}, ValueError, "images must have at least 2 dimensions and not be empty"),
        (Pairs(IMAGES[:0]), {}, ValueError, "images must not be empty"),
        ([IMAGES], {}, TypeError, "images must be a torch.Tensor, a NumPy array, a Dataset or a DataLoader, got list"),
        (IMAGES, {"labels": LABELS[:9]}, ValueError, "labels must have one entry per image, 50, got 9"),
        (IMAGES, {"labels": True}, TypeError, "labels must be a torch.Tensor or None for images in memory, got bool"),
        (IMAGES, {"labels": LABELS[0]}, ValueError, r"labels must be a dense tensor of shape \(n, ...\)"),
        (Pairs(), {"labels": LABELS}, TypeError, "labels must be True or None for a Dataset or DataLoader.*got Tensor"),
        (Alone(), {"labels": True}, ValueError, "images must come with labels for labels=True"),
        (DataLoader(Pairs()), {"batch_size": 8}, ValueError, "batch_size must be None for a DataLoader"),
        (DataLoader(Pairs(IMAGES[:0])), {}, ValueError, "images must give at least one batch"),
        (DataLoader([{"x": IMAGES[0]}]), {}, TypeError, "images must come as tensors, .*got dict"),
    ],
)
def test_what_is_no_source_of_images_is_refused_by_name(function, images, options, error, message):
    run = {"epochs": 1, "device": "cpu", "progress": False} if function is ae.fit else {}
    loss = {"loss": lambda model, x, target, labels: model.loss(x, target)} if "labels" in options else {}
    with pytest.raises(error, match=message):
        function(autoencoder(), images, **run, **loss, **options)


@pytest.mark.parametrize("images", [PIXELS, PIXELS.numpy(), Alone(PIXELS), PIXELS.float(), PIXELS.float().numpy()])
def test_a_bernoulli_likelihood_takes_images_in_0_1_only(images):
    vae = ae.VAE(nn.Linear(6, 4), nn.Linear(2, 6))
    ae.fit(vae, images, **QUIET, scale=255)
    for refused in (lambda: ae.fit(vae, images, **QUIET, scale=200), lambda: ae.evaluate(vae, images, scale=200)):
        with pytest.raises(ValueError, match="images must be at most 200"):
            refused()


@pytest.mark.parametrize("images", [PIXELS.float(), PIXELS.float().numpy(), Alone(PIXELS.float())])
def test_floats_in_0_255_are_no_data_of_a_bernoulli_likelihood(images):
    vae = ae.VAE(nn.Linear(6, 4), nn.Linear(2, 6))
    for refused in (lambda: ae.fit(vae, images, **QUIET), lambda: ae.evaluate(vae, images)):
        with pytest.raises(ValueError, match="images must be at most 1"):
            refused()


def test_a_squared_error_takes_any_scale():
    model, large = autoencoder(), PIXELS.float()
    assert ae.evaluate(copy.deepcopy(model), large) > 1000 * ae.evaluate(model, large / 255)
    assert ae.fit(model, large, **QUIET).loss[0] > 0


def test_images_with_nan_are_refused_also_when_they_come_batch_by_batch():
    spoilt = IMAGES.clone()
    spoilt[7, 3] = float("nan")
    for images in (spoilt, spoilt.numpy(), Alone(spoilt)):
        model, untouched = autoencoder(), autoencoder()
        with pytest.raises(ValueError, match="images must hold numbers, got nan"):
            ae.fit(model, images, **{**QUIET, "batch_size": 50})
        assert same_parameters(model, untouched)
