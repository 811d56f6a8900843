"""Every numbered equation of lecture 01, as a test of the same number: (1.9) is `test_equation_1_9_...`."""

import pytest
import torch
from torch import nn

import aecore as ae


@pytest.fixture
def digits():
    return ae.mnist("test")[0][:500].double()


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = ae.Autoencoder(ae.mlp([784, 32, 5], nn.Tanh), ae.mlp([5, 32, 784], nn.Tanh, out_shape=(1, 28, 28)))
    return network.double()


def test_equation_1_1_the_encoder_maps_to_the_latent_space(model, digits):
    assert torch.equal(model.encode(digits), model.encoder(digits))
    assert model.encode(digits).shape == (500, 5)


def test_equation_1_2_the_decoder_maps_back(model, digits):
    h = torch.randn(7, 5, dtype=torch.float64)
    assert torch.equal(model.decode(h), model.decoder(h))
    assert model.decode(h).shape == (7, 1, 28, 28)


def test_equation_1_3_the_reconstruction_is_decoder_after_encoder(model, digits):
    assert torch.equal(model(digits), model.decode(model.encode(digits)))


def test_equation_1_4_the_loss_sums_squares_over_pixels(model, digits):
    x_hat = model(digits)
    by_hand = torch.stack([((a - b).flatten() ** 2).sum() for a, b in zip(x_hat, digits, strict=True)])
    torch.testing.assert_close(ae.squared_error(x_hat, digits), by_hand)
    torch.testing.assert_close(model.loss(digits), by_hand)


def test_equation_1_5_an_overcomplete_linear_autoencoder_can_copy_anything():
    generator = torch.Generator().manual_seed(0)
    w1 = torch.linalg.qr(torch.randn(1024, 784, dtype=torch.float64, generator=generator)).Q
    copier = ae.Autoencoder(nn.Linear(784, 1024, bias=False), nn.Linear(1024, 784, bias=False)).double()
    with torch.no_grad():
        copier.encoder.weight.copy_(w1)
        copier.decoder.weight.copy_(w1.T)
        static = torch.rand(50, 784, dtype=torch.float64, generator=generator)
        assert copier.loss(static).max() < 1e-20


def test_equation_1_6_the_loss_of_a_set_is_a_mean_plus_a_weighted_regularizer(model, digits):
    def loss(model, x, target):
        h = model.encode(x)
        return {"fit": ae.squared_error(model.decode(h), target), "sparsity": 0.3 * ae.l1_sparsity(h)}

    with torch.no_grad():
        h = model.encode(digits)
        expected = model.loss(digits).mean() + 0.3 * h.abs().sum(dim=1).mean()
    assert ae.evaluate(model, digits, loss=loss) == pytest.approx(expected.item(), rel=1e-12)
    assert ae.evaluate(model, digits, loss=loss, batch_size=70) == pytest.approx(expected.item(), rel=1e-12)


def test_equation_1_7_the_jacobian_has_at_most_the_rank_of_the_bottleneck(model, digits):
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x.view(1, 1, 28, 28)).flatten(), digits[0].flatten())
    gains = torch.linalg.svdvals(jacobian)
    assert gains[4] > 1e-8
    assert gains[5] < 1e-12 * gains[0]


def test_equation_1_8_random_steps_measure_the_sum_of_the_squared_gains(model, digits):
    x = digits[:1]
    gains = torch.linalg.svdvals(torch.autograd.functional.jacobian(lambda v: model(v)[0].flatten(), x).flatten(1))
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(20_000, 1, 28, 28, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for length in (1e-3, 1e-5):
            squares = (model(x + length * v) - model(x)).square().flatten(1).sum(dim=1) / length**2
            error = squares.std() / len(squares) ** 0.5
            assert abs(squares.mean() - gains.square().sum()) < 4 * error
            assert error < 0.01 * squares.mean()


def test_equation_1_9_the_best_linear_bottleneck_leaves_the_remaining_eigenvalues():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 6, dtype=torch.float64, generator=generator) @ torch.randn(6, 6, dtype=torch.float64)
    x = x - x.mean(dim=0)
    eigenvalues, vectors = torch.linalg.eigh(x.T @ x / len(x))
    k = 2
    best = vectors[:, -k:] @ vectors[:, -k:].T
    bound = eigenvalues[:-k].sum()
    torch.testing.assert_close(ae.squared_error(x @ best, x).mean(), bound)
    for _ in range(200):  # no other bottleneck of width k is better
        w2, w1 = torch.randn(6, k, dtype=torch.float64), torch.randn(k, 6, dtype=torch.float64)
        least = torch.linalg.lstsq(x @ w1.T, x).solution  # the best decoder for this encoder
        assert ae.squared_error(x @ w1.T @ least, x).mean() >= bound - 1e-12
        assert ae.squared_error(x @ w1.T @ w2.T, x).mean() >= bound


def test_equation_1_10_principal_angles_do_not_depend_on_the_basis():
    from scipy.linalg import subspace_angles

    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 9, 3, dtype=torch.float64, generator=generator)
    mixing = torch.randn(3, 3, dtype=torch.float64, generator=generator)

    def angles(a, b):
        cosines = torch.linalg.svdvals(torch.linalg.qr(a).Q.T @ torch.linalg.qr(b).Q)
        return cosines.clamp(max=1).acos().flip(0)

    torch.testing.assert_close(angles(a, b), torch.tensor(subspace_angles(a.numpy(), b.numpy())))
    torch.testing.assert_close(angles(a @ mixing, b), angles(a, b))
    assert angles(a, a @ mixing).max() < 1e-6


def test_equation_1_11_the_loss_cannot_tell_one_basis_from_another():
    generator = torch.Generator().manual_seed(0)
    w1, w2 = torch.randn(2, 3, 8, dtype=torch.float64, generator=generator)
    mixing = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    x = torch.randn(20, 8, dtype=torch.float64, generator=generator)
    plain = ae.squared_error(x @ w1.T @ w2, x)
    mixed = ae.squared_error(x @ (mixing.inverse() @ w1).T @ (w2.T @ mixing).T, x)
    torch.testing.assert_close(mixed, plain)
