"""A step that is captured as a CUDA graph learns what eager steps learn, and Adam in pieces is Adam."""

import copy
from contextlib import contextmanager, nullcontext

import pytest
import torch
import torch.nn as nn
from training_runs import IMAGES, RUN, fresh_vae, needs_gpu, noisy

import aecore as ae
from aecore.training import cuda_graph
from aecore.training.cuda_graph import AdamInPieces, CapturedStep


class NoGenerator:
    """What a capture needs of a GPU's generator."""

    def __init__(self):
        self.state = "as it was"

    def clone_state(self):
        return self.state

    def graphsafe_set_state(self, state):
        self.state = state


@pytest.fixture
def without_gpu(monkeypatch):
    """A graph and a generator that do nothing: this machine may have no GPU to capture on."""
    generator = NoGenerator()
    monkeypatch.setattr(torch.cuda, "default_generators", {None: generator})
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: nullcontext())
    return generator


def test_each_shape_of_batch_is_replayed_after_its_warm_up(monkeypatch, without_gpu):
    ran, replayed = [], []

    class Graph:
        def replay(self):
            (inputs,) = (captured.inputs for captured in step.captured.values() if captured.graph is self)
            replayed.append([tensor.tolist() for tensor in inputs])

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(CapturedStep, "_warm_up", lambda self, batch: self.step(*batch))
    step = CapturedStep(lambda x, labels: ran.append(len(x)) or {"loss": x.sum()}, warm_up=2)
    labels = torch.arange(50)
    batches = [*zip(IMAGES.split(8), labels.split(8), strict=True)] * 2  # as in two epochs: six of 8, one of 2
    for x, y in batches:
        step(x, y, weight=1.0)
    assert ran == [8, 8, 8, 2, 2]  # two to warm up, and the one that is captured
    assert replayed == [[x.tolist(), y.tolist()] for x, y in batches[2:6] + batches[7:13]]


def test_a_required_capture_that_fails_is_refused_and_leaves_randomness_alone(without_gpu):
    def reads(target):
        without_gpu.state = "in a capture"
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(ValueError, match=r"cuda_graph must be False .* not permitted when stream is capturing"):
        CapturedStep(reads, warm_up=0)(IMAGES)
    assert without_gpu.state == "as it was"


def test_an_optional_capture_that_fails_leaves_the_steps_eager(without_gpu, monkeypatch):
    @contextmanager
    def graph(_):
        yield
        raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(torch.cuda, "graph", graph)
    step = CapturedStep(lambda target: {"loss": target.sum()}, required=False, warm_up=0)
    assert [step(batch)["loss"].item() for batch in (IMAGES, IMAGES + 1)] == [IMAGES.sum(), (IMAGES + 1).sum()]
    assert without_gpu.state == "as it was"


@needs_gpu
def test_a_plain_vae_is_captured_unless_its_user_says_no_or_brings_code(monkeypatch):
    captured, capture = [], CapturedStep._capture
    monkeypatch.setattr(CapturedStep, "_capture", lambda self, batch: captured.append(1) or capture(self, batch))
    run = {**RUN, "device": "cuda", "epochs": 2, "corrupt": None}
    for expected, options in (
        (1, {}),
        (0, {"cuda_graph": False}),
        (0, {"corrupt": noisy}),
        (0, {"loss": lambda vae, x, target: vae.loss(x, target)}),
        (1, {"loss": lambda vae, x, target: vae.loss(x, target), "cuda_graph": True}),
    ):
        captured.clear()
        ae.fit(plain_vae(), IMAGES, **run | options)
        assert len(captured) == expected, options


def plain_vae(likelihood="bernoulli"):
    torch.manual_seed(7)
    return ae.VAE(ae.mlp([6, 16, 4]), ae.mlp([2, 16, 6]), likelihood)


CAPTURED = {
    "an autoencoder": (lambda: ae.Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6)), None),
    "a plain VAE": (plain_vae, None),  # its gradient is hand-written
    "a Gaussian VAE": (lambda: plain_vae("gaussian"), None),
    "autograd": (plain_vae, lambda vae, x, target: vae.loss(x, target)),
    "a bound": (plain_vae, lambda vae, x, target: -ae.iwae_bound(vae.log_weights(target, 5))),
    "dropout": (fresh_vae, None),
    "a penalty": (
        lambda: ae.Autoencoder(ae.mlp([6, 8, 2]), ae.mlp([2, 6])),
        lambda model, x, target: model.loss(x, target) + ae.l1_sparsity(model.encode(x)),
    ),
}


@needs_gpu
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
@pytest.mark.parametrize("what", CAPTURED)
def test_a_graph_learns_what_eager_steps_learn(what, schedule):
    make, loss = CAPTURED[what]
    run = {**RUN, "device": "cuda", "schedule": schedule, "epochs": 8, "loss": loss, "corrupt": None}
    eager = make()
    graph = copy.deepcopy(eager)
    losses = ae.fit(eager, IMAGES, **run).loss
    assert ae.fit(graph, IMAGES, **run, cuda_graph=True).loss == pytest.approx(losses, rel=1e-4)
    for mine, theirs in zip(graph.parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


@needs_gpu
def test_a_graph_draws_new_noise_for_each_step():
    noise = torch.zeros((), device="cuda")
    kept = []

    def corrupt(x):
        noise.copy_(torch.rand((), device="cuda"))
        return x

    model = ae.Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6))
    for seed in range(2):
        ae.fit(model, IMAGES, epochs=2, device="cuda", batch_size=5, corrupt=corrupt, cuda_graph=True, seed=seed)
        kept.append(noise.item())
    assert kept[0] != kept[1]


@needs_gpu
def test_a_loss_that_reads_numbers_cannot_be_captured():
    def loss(model, x, target):
        return (model(x) - target).square().sum(dim=1) * (1 if target.sum().item() else 0)

    with pytest.raises(ValueError, match="cuda_graph must be False"):
        ae.fit(fresh_vae(), IMAGES, epochs=4, **{**RUN, "device": "cuda"}, loss=loss, cuda_graph=True)
    assert torch.rand(100, device="cuda").std() > 0.1  # the generator does not stay in the capture


# Adam


@pytest.mark.parametrize("frozen", [False, True])
def test_adam_in_pieces_is_adam_to_the_bit(frozen, monkeypatch):
    monkeypatch.setattr(cuda_graph, "PIECE", 8)
    ours = plain_vae()
    ours.decoder[1].weight.requires_grad_(not frozen)
    with torch.no_grad():  # a weight that is not contiguous
        ours.encoder[1].weight.set_(ours.encoder[1].weight.t().contiguous().t())
    theirs = copy.deepcopy(ours)
    optimizers = [torch.optim.Adam(vae.parameters(), lr=0.01, fused=True) for vae in (ours, theirs)]
    in_pieces = AdamInPieces(optimizers[0])
    for step in range(5):
        for vae, optimizer, update in zip((ours, theirs), optimizers, (in_pieces, optimizers[1].step), strict=True):
            torch.manual_seed(step)
            optimizer.zero_grad()
            sum(part.mean() for part in vae.loss(IMAGES).values()).backward()
            optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
            update()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert (in_pieces.state is None) == frozen


def test_a_parameter_that_gets_its_gradient_late_is_updated_from_then_on():
    weights = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    update = AdamInPieces(torch.optim.Adam(weights, lr=0.1, fused=True))
    weights[0].grad = torch.ones(2)
    update()
    assert weights[1].tolist() == [1, 1]
    for weight in weights:
        weight.grad = torch.ones(2)
    for _ in range(3):
        update()
    torch.testing.assert_close(weights[0], torch.full((2,), 0.6))
    torch.testing.assert_close(weights[1], torch.full((2,), 0.7))


def test_on_a_cpu_a_graph_is_refused_by_name():
    model = plain_vae()
    with pytest.raises(ValueError, match=r"cuda_graph must be False or None .* got True"):
        ae.fit(model, IMAGES, **RUN, epochs=1, cuda_graph=True)
    with pytest.raises(TypeError, match="cuda_graph must be True, False or None, got str"):
        ae.fit(model, IMAGES, **RUN, epochs=1, cuda_graph="yes")
