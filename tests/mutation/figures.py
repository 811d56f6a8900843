"""Mutants of the figures' Python: what they take, what they compute, and what they hand to the page."""

# ruff: noqa: E501  (a mutant a line)
from mutation.mutant import Mutant, mutants_of

KIT = "aelab/figures/kit/"
STILLS = "tests/test_figures_stills.py"
NUMBERS = "tests/test_figures_numbers.py"
TAKES = "tests/test_figures_python.py"

MUTANTS: list[Mutant] = [
    *mutants_of(
        KIT + 'base.py',
        'tests/test_figures_kit.py',
        ('numbers out of their range taken', 'if not math.isfinite(number) or not low <= number <= high:', 'if not math.isfinite(number):'),
        ('fractions cut to whole numbers', 'if not low <= number <= high or number % 1:', 'if not low <= number <= high:'),
        ('numbers that stay the same taken for growing ones', 'any(b <= a for a, b in pairwise(numbers))', 'any(b < a for a, b in pairwise(numbers))'),
        ('fractions taken where integers belong', 'if result.dtype.kind in "iub" and (result != array).any():', 'if False:'),
    ),
    *mutants_of(
        KIT + 'assets.py',
        'tests/js/test_own_files.py',
        ('the test digits out of the training set', '(ae.mnist("test"), TEST)', '(ae.mnist("train"), TEST)'),
        ('white digits a grey level short', '* 255).round()', '* 254).round()'),
    ),
    *mutants_of(
        KIT + 'trainable.py',
        'tests/test_train_figures.py',
        ('what was given wins over what was trained', 'file = weights or given', 'file = given or weights'),
        ('layers in the order of their names as text', 'key=lambda key: int(key.split(".")[1])', 'key=lambda key: -int(key.split(".")[1])'),
        ('the dimensions that spread the least', 'np.argsort(-z.var(axis=0), kind="stable")', 'np.argsort(z.var(axis=0), kind="stable")'),
        ("the reader's random numbers moved", 'torch.set_rng_state(state)', 'torch.get_rng_state()'),
        ('a model of other images taken', 'if (first.in_features, last.out_features) != (784, 784):', 'if False:'),
    ),
    *mutants_of(
        'aelab/figures/train_vae.py',
        'tests/test_train_figures.py',
        ('the KL term left out of the ELBO', '["log_prob"].mean()) - kl', '["log_prob"].mean())'),
        ('an autoencoder taken for a VAE', 'if not isinstance(model, ae.VAE):', 'if False:'),
    ),
    *mutants_of(
        'aelab/figures/train_autoencoder.py',
        'tests/test_train_figures.py',
        ('the code of a sparse network not squashed', 'encoder.append(SQUASH[self.sparsity]())', 'encoder.append(nn.Identity())'),
        ('Gaussian noise where pixels are masked', 'if noise == "masking":', 'if noise == "rain":'),
    ),
    *mutants_of(
        KIT + 'base.py',
        TAKES,
        ('misspelt traits ignored', 'for unknown in sorted(set(traits) - set(self.trait_names())):', 'for unknown in ():'),
    ),
    *mutants_of(
        KIT + 'draws.py',
        TAKES,
        ('the second of two normals as the first', 'radius * np.sin(angle)', 'radius * np.cos(angle)'),
        ('seeds that count from their successor', '+ np.uint64(seed)', '+ np.uint64(seed + 1)'),
    ),
    *mutants_of(
        KIT + 'saved.py',
        'tests/test_saved.py',
        ('the words of another figure hidden', 'data-saved="{figure._saved}"', 'data-saved="{type(figure)._saved}"'),
        ('a second line of text in a saved notebook', ' if kind != "text/plain"}', '}'),
    ),
    *mutants_of(
        KIT + 'quantize.py',
        'tests/test_figures_kit.py',
        ('one scale for all units', 'np.abs(weight).max(axis=1)', 'np.full(len(weight), np.abs(weight).max())'),
        ('weights rounded down', 'np.round(weight / scale[:, None])', 'np.floor(weight / scale[:, None])'),
        ('packed without a look at what the network computes', 'if not off <= 1e-5 * max(', 'if off > 1e9 * max('),
        ('a network judged with its dropout', 'deepcopy(network).to("cpu", torch.float64).eval()', 'deepcopy(network).to("cpu", torch.float64)'),
    ),
    *mutants_of(
        KIT + 'trained.py',
        'tests/test_trained.py',
        ('one file for all data', '{"model": model, "images": images, **settings}', '{"model": model, **settings}'),
        ("another model's weights taken", '    if text != key:', '    if False:'),
        ('a model half trained handed over', '    if history.interrupted:', '    if False:'),
    ),
    *mutants_of(
        'aelab/figures/bernoulli_kl.py',
        STILLS,
        ('the two directions exchanged', 'zip((forward, backward, q), slopes', 'zip((backward, forward, q), slopes'),
        ('units pushed up the penalty', 'axes[1].plot(q, -slope)', 'axes[1].plot(q, slope)'),
    ),
    *mutants_of(
        'aelab/figures/beta_dial.py',
        NUMBERS,
        ('dimensions of least KL first', 'kl.argsort(descending=True)', 'kl.argsort()'),
        ("noise not in the dimensions' order", 'z[:, order] = torch.tensor(', 'z[:] = torch.tensor('),
        ('signs turned in the codes alone', 'torch.tensor(noise * sign, ', 'torch.tensor(noise, '),
    ),
    *mutants_of(
        'aelab/figures/beta_dial.py',
        STILLS,
        ('the KL of one dimension for that of all', 'np.array(self.kl).sum(axis=1)', 'np.array(self.kl).max(axis=1)'),
    ),
    *mutants_of(
        'aelab/figures/bottleneck.py',
        STILLS,
        ("PCA's picture under the autoencoder's name", '(0, 1 + at, 1 + len(self.widths) + at)', '(0, 1 + at, 1 + at)'),
        ('pictures not on the scale of their range', '((array - low) * (255 / (high - low)))', '((array - low) * 255)'),
        ('the two errors exchanged', '(("pca", pca_error), ("autoencoder", autoencoder_error))', '(("pca", autoencoder_error), ("autoencoder", pca_error))'),
    ),
    *mutants_of(
        'aelab/figures/denoise_pad.py',
        STILLS,
        ('masking keeps what it should take', 'np.where(chance < self.level, 0, clean)', 'np.where(chance < self.level, clean, 0)'),
        ('salt without pepper', 'np.where(chance < self.level, chance >= self.level / 2, clean)', 'np.where(chance < self.level, 1, clean)'),
        ('PSNR of values outside the picture', 'picture.clamp(0, 1)', 'picture'),
    ),
    *mutants_of(
        'aelab/figures/elbo_gap.py',
        STILLS,
        ("the posterior's variance for its width", 'self.noise / math.sqrt(total)', 'self.noise**2 / total'),
        ("the spread of q left out of the reconstruction", ' + (self.a * self.width) ** 2', ''),
        ('the gap of the other direction', 'math.log(width / self.width) + (self.width**2 + (self.mean - mean) ** 2) / (2 * width**2)', 'math.log(self.width / width) + (width**2 + (self.mean - mean) ** 2) / (2 * self.width**2)'),
    ),
    *mutants_of(
        'aelab/figures/encode_sample_decode.py',
        NUMBERS,
        ('log σ² taken for log σ', 'np.exp(0.5 * moments[2:])', 'np.exp(moments[2:])'),
        ('networks of other sizes taken', '            if found != sizes:', '            if False:'),
        ('drawings of another size taken', '        if len(proposal["value"]) != 784:', '        if False:'),
    ),
    *mutants_of(
        'aelab/figures/frames.py',
        STILLS,
        ('always the first frame', 'self.light[self.index].decode()', 'self.light[0].decode()'),
        ('frames of different sizes taken', '    if len(sizes) > 1:', '    if False:'),
    ),
    *mutants_of(
        'aelab/figures/gaussian_kl.py',
        STILLS,
        ('the two directions exchanged', '(m, s), (n, w) = self._gaussian(first), self._gaussian(second)', '(n, w), (m, s) = self._gaussian(first), self._gaussian(second)'),
        ('the standard error a standard deviation', ' / np.maximum(n - 1, 1)', ''),
        ('the triangle closed by the same side twice', 'first, second = self.kl("p", "q"), self.kl("q", "r")', 'first, second = self.kl("p", "q"), self.kl("p", "q")'),
    ),
    *mutants_of(
        'aelab/figures/latent_plane.py',
        STILLS,
        ('the farthest code named', 'self.labels[distance.argmin()]', 'self.labels[distance.argmax()]'),
        ('the spacing of outliers', 'float(np.median(NearestNeighbors', 'float(np.mean(NearestNeighbors'),
    ),
    *mutants_of(
        'aelab/figures/latent_plane.py',
        NUMBERS,
        ('the way that is far from one code', 'gap = np.linalg.norm(codes - (a + way * (b - a)), axis=1).min()', 'gap = np.linalg.norm(codes - (a + way * (b - a)), axis=1).max()'),
        ('a unit wider than high', 'max(half[0], half[1] / RATIO, 1e-3)', 'max(half[0], half[1], 1e-3)'),
    ),
    *mutants_of(
        'aelab/figures/naive_monte_carlo.py',
        STILLS,
        ('σ for σ² in the exact value', 'self.sigma**2 * np.eye(len(x))', 'self.sigma * np.eye(len(x))'),
        ('the mean of logarithms', 'np.logaddexp.accumulate(values) - np.log(n)', 'values.cumsum() / n'),
        ('carriers of 90 %', 'np.searchsorted(parts, 0.99 * parts[-1])', 'np.searchsorted(parts, 0.9 * parts[-1])'),
    ),
    *mutants_of(
        'aelab/figures/naive_monte_carlo.py',
        NUMBERS,
        ('numbers read from the model before', 'at += size * (dimension + 1)', 'at += size * dimension'),
    ),
    *mutants_of(
        'aelab/figures/rate_distortion.py',
        STILLS,
        ('headers counted when they are not', 'which = QUALITIES.index(self.quality), 0 if self.headers else 1', 'which = QUALITIES.index(self.quality), 1 if self.headers else 0'),
        ('tables of its own sent without headers', '[len(b), ae.payload_size(a)] for a, b', '[len(b), ae.payload_size(b)] for a, b'),
        ('the first row whichever is asked', 'self.rows.index(self.codec) * len(self.sizes) + self.size', 'self.size'),
    ),
    *mutants_of(
        'aelab/figures/reparameterize.py',
        STILLS,
        ('the score function of a standard normal', 'return slope, value * epsilon / self.width', 'return slope, value * epsilon'),
        ('the exact gradient with the other sign', '-k * self.width', 'k * self.width'),
        ('ε left out of the pathwise gradient', 'return slope * epsilon, ', 'return slope, '),
    ),
    *mutants_of(
        'aelab/figures/score_field.py',
        STILLS,
        ('arrows all the way to the data', ' * (noise**2 / variance)', ''),
        ('the sum of the mixture for its mean', 'np.exp(exponents - high).mean(1)', 'np.exp(exponents - high).sum(1)'),
    ),
    *mutants_of(
        'aelab/figures/score_field.py',
        NUMBERS,
        ('the network of the least noise for all', 'self.networks[self.noises.index(self.noise if noise is None else noise)]', 'self.networks[0]'),
        ('residuals in steps of int8', 'quantize(network, weights="float32")', 'quantize(network)'),
    ),
    *mutants_of(
        'aelab/figures/sparse_codes.py',
        NUMBERS,
        ('one scale for all filters', 'np.abs(filters).max(axis=2)', 'np.full(dead.shape, np.abs(filters).max())'),
        ('dead units sent too', 'np.round(filters[~dead] / scales[~dead][:, None])', 'np.round(filters / np.maximum(scales, 1e-9)[..., None])'),
    ),
    *mutants_of(
        'aelab/figures/sparse_codes.py',
        TAKES,
        ('a dead unit that fires', 'if (activations.max(axis=1) > 0)[dead].any():', 'if False:'),
    ),
]  # fmt: skip
