"""Every numbered equation of lecture 02, as a test of the same number: (2.9) is `test_equation_2_9_...`."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

import aecore as ae


def coin(p, q):
    return ae.bernoulli_kl(torch.tensor(p, dtype=torch.float64), torch.tensor(q, dtype=torch.float64)).item()


@pytest.fixture
def pairs():
    """Random distributions p (which never takes the first value) and q, in rows."""
    generator = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 2000, 7, dtype=torch.float64, generator=generator).pow(3)
    p[:, 0] = 0
    return p / p.sum(dim=1, keepdim=True), q / q.sum(dim=1, keepdim=True)


@pytest.fixture
def activations():
    return torch.rand(500, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) ** 3


def test_equation_2_1_the_loss_is_the_error_plus_the_price_of_the_code():
    torch.manual_seed(0)
    model = ae.Autoencoder(nn.Sequential(nn.Linear(9, 5), nn.ReLU()), nn.Linear(5, 9)).double()
    x, price = torch.rand(12, 9, dtype=torch.float64), 0.7

    def loss(model, x, target):
        a = model.encode(x)
        return {"error": ae.squared_error(model.decode(a), target), "penalty": price * ae.l1_sparsity(a)}

    with torch.no_grad():
        expected = 0.0
        for row in x:
            a = model.encode(row[None])[0]
            expected += ((model.decode(a[None])[0] - row) ** 2).sum() + price * sum(abs(v) for v in a)
    assert ae.evaluate(model, x, loss=loss) == pytest.approx(expected.item() / 12, rel=1e-12)


@pytest.mark.parametrize("price", [0.3, 1.0, 2.5])
def test_equation_2_2_the_best_activation_under_a_price_is_a_soft_threshold(price):
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    for u in torch.linspace(-3, 3, 25, dtype=torch.float64):
        best = grid[((grid - u).square() + price * grid.abs()).argmin()]
        formula = u.sign() * (u.abs() - price / 2).clamp_min(0)
        assert abs(best - formula) < 2e-4
        squared = grid[((grid - u).square() + price * grid.square()).argmin()]
        assert abs(squared - u / (1 + price)) < 2e-4


@pytest.mark.parametrize("c", [0.5, 3.0, 100.0])
def test_equation_2_3_longer_filters_make_the_same_picture_cheaper(c, activations):
    filters = torch.randn(6, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close((activations / c) @ (c * filters), activations @ filters)
    torch.testing.assert_close(ae.l1_sparsity(activations / c), ae.l1_sparsity(activations) / c)


def test_equation_2_6_the_integral_is_the_closed_form():
    x = torch.linspace(-15, 15, 20_001, dtype=torch.float64)
    for m, s, n, w in [(-1.5, 0.6, 0.0, 1.2), (0.0, 1.2, -1.5, 0.6), (1.0, 1.0, 1.0, 1.0)]:
        p, q = (Normal(*torch.tensor(pair, dtype=torch.float64)) for pair in ((m, s), (n, w)))
        density = p.log_prob(x).exp()
        ratio = torch.trapezoid(density * (density / q.log_prob(x).exp()).log().nan_to_num(), x)
        difference = torch.trapezoid(density * (p.log_prob(x) - q.log_prob(x)), x)
        assert difference.item() == pytest.approx(kl_divergence(p, q).item(), abs=1e-9)
        assert ratio.item() == pytest.approx(difference.item(), abs=1e-6)


def test_equation_2_7_the_expectation_is_the_sum(pairs):
    p, q = (part[0] for part in pairs)
    exact = (p[1:] * (p[1:] / q[1:]).log()).sum()
    draws = torch.multinomial(p, 200_000, replacement=True, generator=torch.Generator().manual_seed(0))
    values = (p / q).log()[draws]
    assert abs(values.mean() - exact) < 5 * values.std() / len(draws) ** 0.5
    torch.testing.assert_close(exact, kl_divergence(Categorical(probs=p), Categorical(probs=q)))


def test_equation_2_8_the_logarithm_lies_below_its_tangent_at_one():
    x = torch.logspace(-12, 12, 4001, dtype=torch.float64)
    assert (x.log() <= x - 1).all()
    away = (x - 1).abs() > 1e-3
    assert (x.log() < x - 1)[away].all()
    assert torch.tensor(1.0).log() == 0


def test_equation_2_9_the_elementary_proof_holds_step_by_step(pairs):
    p, q = pairs
    support = p > 0
    ratio = torch.where(support, q / p, 1)
    minus_kl, tangent = (p * ratio.log()).sum(dim=1), (p * (ratio - 1)).sum(dim=1)
    torch.testing.assert_close(tangent, (q * support).sum(dim=1) - 1)
    assert (minus_kl <= tangent + 1e-12).all()
    assert (tangent <= 1e-12).all()
    assert (p * torch.ones_like(p).log()).sum() == 0  # equal distributions: 0


def test_equation_2_10_jensens_proof_holds_step_by_step(pairs):
    p, q = pairs
    ratio = torch.where(p > 0, q / p, 1)
    minus_kl, jensen = (p * ratio.log()).sum(dim=1), (p * ratio).sum(dim=1).log()
    torch.testing.assert_close(jensen, (q * (p > 0)).sum(dim=1).log())
    assert (minus_kl <= jensen + 1e-12).all()
    assert (jensen <= 1e-12).all()


def test_equation_2_11_the_divergence_is_not_symmetric():
    assert coin(0.5, 0.05) == pytest.approx(0.8304, abs=1e-4)
    assert coin(0.05, 0.5) == pytest.approx(0.4946, abs=1e-4)


def test_equation_2_12_the_way_round_can_be_shorter():
    assert coin(0.5, 0.05) > 2 * (coin(0.5, 0.25) + coin(0.25, 0.05))


def test_equation_2_13_a_wrong_belief_costs_the_divergence(pairs):
    p, q = pairs
    cost, entropy = -(p * q.log()).sum(dim=1), -torch.special.xlogy(p, p).sum(dim=1)
    divergence = (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(dim=1)
    torch.testing.assert_close(cost, entropy + divergence)
    assert (cost >= entropy).all()


@pytest.mark.parametrize("rho", [0.05, 0.3, 0.9])
def test_equation_2_14_a_small_step_costs_its_square_times_the_fisher_information(rho):
    for step in (1e-4, -1e-4):
        square = step**2 / (2 * rho * (1 - rho))
        assert coin(rho, rho + step) == pytest.approx(square, rel=3e-3)
        assert coin(rho + step, rho) == pytest.approx(square, rel=3e-3)


def test_equation_2_15_the_mean_activation_is_taken_over_the_batch(activations):
    rho_hat = torch.stack([sum(row[j] for row in activations) / 500 for j in range(6)])
    torch.testing.assert_close(activations.mean(dim=0), rho_hat)
    expected = kl_divergence(Bernoulli(torch.tensor(0.05, dtype=torch.float64)), Bernoulli(rho_hat)).sum()
    torch.testing.assert_close(ae.kl_sparsity(activations, 0.05), expected)


def test_equation_2_16_between_coins():
    p, q = torch.rand(2, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    by_hand = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(ae.bernoulli_kl(p, q), by_hand)
    torch.testing.assert_close(by_hand, kl_divergence(Bernoulli(p), Bernoulli(q)))


def test_equation_2_17_the_loss_adds_the_divergences_of_all_units():
    torch.manual_seed(0)
    model = ae.Autoencoder(nn.Sequential(nn.Linear(9, 5), nn.Sigmoid()), nn.Linear(5, 9)).double()
    x, beta, rho = torch.rand(40, 9, dtype=torch.float64), 3.0, 0.05

    def loss(model, x, target):
        a = model.encode(x)
        return {"error": ae.squared_error(model.decode(a), target), "penalty": beta * ae.kl_sparsity(a, rho)}

    with torch.no_grad():
        rho_hat = model.encode(x).mean(dim=0).tolist()
        expected = model.loss(x).mean().item() + beta * sum(coin(rho, mean) for mean in rho_hat)
    assert ae.evaluate(model, x, loss=loss) == pytest.approx(expected, rel=1e-12)


def test_equation_2_18_below_the_target_the_penalty_pushes_up():
    rho_hat = torch.linspace(0.001, 0.999, 500, dtype=torch.float64, requires_grad=True)
    for rho in (0.05, 0.5):
        (gradient,) = torch.autograd.grad(ae.bernoulli_kl(torch.full_like(rho_hat, rho), rho_hat).sum(), rho_hat)
        formula = (rho_hat - rho) / (rho_hat * (1 - rho_hat))
        torch.testing.assert_close(gradient, formula.detach())
        assert (gradient[rho_hat < rho] < 0).all()
        assert (gradient[rho_hat > rho] > 0).all()


def test_equation_2_19_a_small_batch_charges_for_variance():
    generator, rho = torch.Generator().manual_seed(0), 0.05
    a = 0.02 + 0.2 * torch.rand(400_000, 1, dtype=torch.float64, generator=generator)
    whole, mean = ae.kl_sparsity(a, rho), a.mean()
    curvature = rho / mean**2 + (1 - rho) / (1 - mean) ** 2
    for m in (50, 200):
        batches = a.view(-1, m).mean(dim=1)
        excess = ae.bernoulli_kl(torch.full_like(batches, rho), batches).mean() - whole
        assert excess > 0
        assert excess.item() == pytest.approx((curvature * a.var() / (2 * m)).item(), rel=0.1)
    one_by_one = ae.bernoulli_kl(torch.full_like(a, rho), a).mean()
    assert one_by_one > whole + excess


def test_equation_2_20_the_effective_number_counts_equal_activations():
    def effective(a):
        return a.abs().sum() ** 2 / a.square().sum()

    for k in (1, 7, 20):
        a = torch.zeros(20, dtype=torch.float64)
        a[:k] = 0.3
        assert effective(a).item() == pytest.approx(k)
        assert effective(5 * a).item() == pytest.approx(k)
    random = torch.randn(1000, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    counts = torch.stack([effective(a) for a in random])
    assert counts.min() >= 1
    assert counts.max() <= 20


def test_equation_2_4_top_k_keeps_the_largest_and_shrinks_nothing():
    u = torch.randn(50, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values, places = u.relu().topk(3, dim=1)
    a = torch.zeros_like(u).scatter(1, places, values)
    assert ((a > 0).sum(dim=1) <= 3).all()
    for row, kept in zip(u, a, strict=True):
        largest = sorted((v for v in row.tolist() if v > 0), reverse=True)[:3]
        assert sorted((v for v in kept.tolist() if v > 0), reverse=True) == largest
    assert torch.equal(a[a > 0], u[a > 0])


def test_equation_2_5_more_directions_than_dimensions_and_a_sum_of_few():
    generator = torch.Generator().manual_seed(0)
    f = nn.functional.normalize(torch.randn(40, 20, dtype=torch.float64, generator=generator), dim=1)
    s = (torch.rand(300, 40, generator=generator) < 0.05).double()
    x = s @ f
    by_hand = torch.stack([sum((f[i] for i in row.nonzero()[:, 0]), torch.zeros(20, dtype=torch.float64)) for row in s])
    torch.testing.assert_close(x, by_hand)
    assert torch.linalg.matrix_rank(f) == 20
    assert (f @ f.T - torch.eye(40)).abs().max() > 0.3  # forty directions cannot be orthogonal in twenty dimensions
