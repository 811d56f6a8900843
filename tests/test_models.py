"""The models are compositions of the tested terms, with nothing counted twice and nothing left out."""

import math

import pytest
import torch
import torch.nn as nn
from torch.distributions import Independent, Normal, kl_divergence

import aecore as ae

IMAGE = (1, 8, 8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_vae(likelihood="bernoulli", **options):
    return ae.VAE(ae.mlp([64, 32, 6]), ae.mlp([3, 32, 64], out_shape=IMAGE), likelihood=likelihood, **options)


# Networks


def test_an_mlp_is_linear_layers_with_an_activation_between_and_none_after():
    kinds = [type(layer) for layer in ae.mlp([4, 3, 2], nn.Tanh, out_shape=(2, 1))]
    assert kinds == [nn.Flatten, nn.Linear, nn.Tanh, nn.Linear, nn.Unflatten]
    assert ae.mlp([6, 3])(torch.zeros(5, 2, 3)).shape == (5, 3)


@pytest.mark.parametrize(("channels", "side"), [((4,), 8), ((4, 6), 8), ((4, 6, 8), 24)])
@pytest.mark.parametrize("colours", [1, 3])
def test_convolutional_networks_halve_and_double_to_the_same_shape(channels, side, colours):
    encoder = ae.conv_encoder(5, channels, in_channels=colours, image_size=side)
    decoder = ae.conv_decoder(5, channels[::-1], out_channels=colours, image_size=side)
    x = torch.rand(2, colours, side, side)
    assert encoder(x).shape == (2, 5)
    assert decoder(encoder(x)).shape == x.shape
    assert not isinstance(decoder[-1], nn.ReLU)  # the last layer returns means or logits of any sign
    assert sum(isinstance(layer, nn.Conv2d) for layer in encoder) == len(channels)


# Autoencoder


def test_an_autoencoder_is_its_decoder_after_its_encoder():
    model, x = ae.Autoencoder(nn.Linear(4, 2), nn.Linear(2, 4)), torch.rand(3, 4)
    assert torch.equal(model(x), model.decoder(model.encoder(x)))
    assert torch.equal(model.decode(model.encode(x)), model(x))
    assert torch.equal(model.loss(x), ae.squared_error(model(x), x))
    assert torch.equal(model.loss(x, x + 1), ae.squared_error(model(x), x + 1))


def test_a_linear_autoencoder_reaches_the_error_of_pca(train_digits, float64):
    x = nn.functional.avg_pool2d(train_digits[:1000], 4).flatten(1).double()
    x, k = x - x.mean(dim=0), 4
    pca_error = torch.linalg.svdvals(x)[k:].square().sum().item() / len(x)
    model = ae.Autoencoder(nn.Linear(49, k, bias=False), nn.Linear(k, 49, bias=False))
    ae.fit(model, x, epochs=100, batch_size=100, lr=5e-3, device="cpu")
    ae.fit(model, x, epochs=20, batch_size=1000, lr=1e-3, device="cpu")
    error = ae.evaluate(model, x)
    assert pca_error <= error + 1e-9  # PCA is the optimum
    assert error < 1.005 * pca_error


# VAE


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_elbo_is_a_log_probability_minus_beta_divergences(likelihood, float64):
    vae, x = small_vae(likelihood, sigma=0.4, beta=3.0), torch.rand(5, *IMAGE).round()
    mean, logvar = vae.posterior(x)
    eps = torch.randn(5, 3, generator=seeded())
    p = vae.decode(mean + (logvar / 2).exp() * eps)
    divergence = kl_divergence(vae.encode(x), Independent(Normal(torch.zeros(5, 3), 1.0), 1))
    elbo = vae.elbo(x, generator=seeded())
    assert elbo.shape == (5,)
    torch.testing.assert_close(elbo, p.log_prob(x) - 3 * divergence)
    parts = vae.elbo_parts(x, generator=seeded())
    torch.testing.assert_close(parts["log_prob"] - 3 * parts["kl"], elbo)
    torch.testing.assert_close(parts["kl"], divergence)  # beta weighs it in the ELBO, not here


def test_what_fit_minimises_is_minus_the_elbo():
    vae, x = small_vae(beta=2.0), torch.rand(5, *IMAGE)
    torch.manual_seed(1)
    loss = sum(vae.loss(x).values())
    torch.manual_seed(1)
    torch.testing.assert_close(loss, -vae.elbo(x))


def test_a_denoising_vae_encodes_the_noisy_and_explains_the_clean():
    vae, x, clean = small_vae(), torch.rand(4, *IMAGE), torch.rand(4, *IMAGE)
    parts = vae.elbo_parts(x, clean, generator=seeded())
    mean, logvar = vae.posterior(x)
    z = ae.reparameterize(mean, logvar, torch.randn(4, 3, generator=seeded()))
    torch.testing.assert_close(parts["log_prob"], vae.decode(z).log_prob(clean))
    torch.testing.assert_close(parts["kl"], ae.gaussian_kl(mean, logvar))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_log_weights_are_prior_times_likelihood_over_posterior(likelihood, float64):
    vae, x = small_vae(likelihood, sigma=0.4, beta=9.0), torch.rand(5, *IMAGE).round()  # beta has no say here
    z = vae.encode(x).mean + vae.encode(x).stddev * torch.randn(7, 5, 3, generator=seeded())
    by_hand = vae.decode(z).log_prob(x) + Normal(0.0, 1.0).log_prob(z).sum(-1) - vae.encode(x).log_prob(z)
    torch.testing.assert_close(vae.log_weights(x, 7, generator=seeded()), by_hand)


def test_as_many_weights_as_samples_and_each_from_its_own_draw():
    log_w = small_vae().log_weights(torch.rand(4, *IMAGE), 9)
    assert log_w.shape == (9, 4)
    assert log_w.unique().numel() == 36


def test_encode_and_decode_return_distributions_of_the_promised_shapes():
    vae, x = small_vae(), torch.rand(5, *IMAGE)
    q = vae.encode(x)
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    torch.testing.assert_close(q.variance, vae.posterior(x)[1].exp())
    for leading in ((), (5,), (7, 5)):
        p = vae.decode(torch.randn(*leading, 3))
        assert (p.batch_shape, p.event_shape) == (leading, IMAGE)
        assert p.log_prob(x[: leading[-1]] if leading else x[0]).shape == leading


def test_a_reconstruction_is_the_mean_at_the_mean_code():
    vae, x = small_vae(), torch.rand(5, *IMAGE)
    torch.testing.assert_close(vae(x), vae.decoder(vae.posterior(x)[0]).sigmoid())
    gaussian = small_vae("gaussian")
    torch.testing.assert_close(gaussian(x), gaussian.decoder(gaussian.posterior(x)[0]))


def test_samples_come_from_the_prior_and_follow_their_seed():
    vae = small_vae()
    images = vae.sample(6, generator=seeded())
    torch.testing.assert_close(images, vae.decoder(torch.randn(6, 3, generator=seeded())).sigmoid())
    assert not images.requires_grad
    drawn = vae.sample(6, mean=False)
    assert ((drawn == 0) | (drawn == 1)).all()
    assert ae.VAE(nn.Linear(3, 6), nn.Identity(), "gaussian").sample(2).shape == (2, 3)  # a decoder without weights


def test_the_latent_width_is_read_from_the_encoder_or_told():
    assert small_vae().latent_dim == 3
    assert ae.VAE(nn.Identity(), nn.Linear(2, 4), latent_dim=2).posterior(torch.rand(5, 4))[0].shape == (5, 2)


def test_a_batch_of_one_and_any_order_give_the_same_elbos(linear_gaussian):
    x = linear_gaussian.p_x.sample((6,))
    vae = linear_gaussian.vae()
    whole = vae.elbo(x, generator=seeded())
    assert vae.elbo(x[:1], generator=seeded()).item() == pytest.approx(whole[0].item())
    order = torch.tensor([3, 1, 0, 5, 4, 2])
    kl = vae.elbo_parts(x)["kl"]
    torch.testing.assert_close(vae.elbo_parts(x[order])["kl"], kl[order])
    doubled = vae.elbo_parts(torch.cat([x, x]))["kl"]
    torch.testing.assert_close(doubled.mean(), kl.mean())


def test_the_elbo_has_finite_gradients_where_a_sigmoid_would_saturate():
    vae = small_vae()
    with torch.no_grad():
        vae.decoder[-2].bias.fill_(200)
        vae.encoder[-1].bias.copy_(torch.tensor([0.0, 0, 0, 30, -30, 0]))
    elbo = vae.elbo(torch.zeros(2, *IMAGE))
    elbo.sum().backward()
    assert elbo.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in vae.parameters())
    assert elbo.max() < -math.log(2)


def test_running_out_of_memory_is_not_called_a_wrong_shape():
    class Greedy(nn.Module):
        def forward(self, x):
            raise RuntimeError("Tried to allocate a tensor of a size beyond this machine")

    with pytest.raises(RuntimeError, match="allocate"):
        ae.Autoencoder(Greedy(), nn.Identity())(torch.rand(2, 2))


def test_an_untrained_vae_that_starts_at_the_mean_draws_the_mean_image(train_digits):
    vae = ae.VAE(ae.mlp([784, 20, 4]), ae.mlp([2, 20, 784], out_shape=(1, 28, 28)))
    untrained = ae.evaluate(vae, train_digits[:500])
    assert ae.start_at_mean(vae, train_digits) is vae
    mean = train_digits.mean(dim=0)
    torch.nn.init.zeros_(vae.decoder[-2].weight)
    drawn = vae.sample(1)[0]
    torch.testing.assert_close(drawn, mean.clamp(1e-3, 1 - 1e-3))
    assert ae.evaluate(vae, train_digits[:500]) < untrained - 300  # nats an image that need not be learned


def test_a_convolution_and_a_plain_autoencoder_start_at_the_mean_too():
    images = torch.rand(50, 3, 8, 8, dtype=torch.float64) * torch.tensor([1, 2, 3]).view(3, 1, 1)
    model = ae.Autoencoder(ae.mlp([192, 2]), ae.conv_decoder(2, (4,), out_channels=3, image_size=8))
    ae.start_at_mean(model.double(), images)
    torch.testing.assert_close(model.decoder[-1].bias.data, images.mean(dim=(0, 2, 3)))
    flat = ae.Autoencoder(ae.mlp([6, 2]), ae.mlp([2, 6]))
    ae.start_at_mean(flat, images[:, 0, 0, :6].float())
    torch.testing.assert_close(flat.decoder[-1].bias.data, images[:, 0, 0, :6].float().mean(dim=0))


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.BatchNorm1d(4), nn.Sequential(nn.Linear(4, 4, bias=False))])
def test_a_decoder_that_would_not_emit_its_last_bias_is_refused(last):
    model = ae.Autoencoder(ae.mlp([4, 2]), nn.Sequential(nn.Linear(2, 4), last))
    before = model.decoder[0].bias.clone()
    with pytest.raises(ValueError, match=r"model must have a decoder that ends in nn\.Linear .*, got"):
        ae.start_at_mean(model, torch.rand(10, 4))
    assert torch.equal(model.decoder[0].bias, before)


def test_what_gives_the_output_its_shape_may_follow_the_last_layer():
    linear = nn.utils.parametrizations.weight_norm(nn.Linear(2, 4))
    decoder = nn.Sequential(nn.Sequential(linear), nn.Unflatten(1, (1, 4)), nn.Identity())
    ae.start_at_mean(ae.Autoencoder(ae.mlp([4, 2]), decoder), torch.full((10, 1, 4), 0.25))
    assert linear.bias.tolist() == [0.25] * 4
    shared = nn.ReLU()
    decoder = nn.Sequential(nn.Linear(2, 2), shared, nn.Linear(2, 4), shared)
    with pytest.raises(ValueError, match="got ReLU"):
        ae.start_at_mean(ae.Autoencoder(ae.mlp([4, 2]), decoder), torch.rand(9, 4))


def test_a_likelihood_that_is_set_to_an_unknown_word_is_refused_wherever_it_decides():
    vae, x = small_vae(), torch.rand(4, *IMAGE)
    vae.likelihood = "poisson"
    uses = (
        lambda: vae.loss(x),
        lambda: vae.decode(torch.zeros(2, vae.latent_dim)),
        lambda: ae.log_likelihood(vae, x, samples=2),
        lambda: ae.fit(vae, x, epochs=1),
    )
    for use in uses:
        with pytest.raises(ValueError, match="likelihood must be one of 'bernoulli', 'gaussian', got 'poisson'"):
            use()
