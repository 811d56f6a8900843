"""Random numbers come from the generator that is named, and seeding changes nothing outside."""

import pytest
import torch

from aecore import _random

CPU = torch.device("cpu")


def test_numbers_are_those_of_the_generator_in_the_shape_and_dtype_of_the_tensor():
    like = torch.zeros(3, 4, dtype=torch.float64)
    generator, same = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    assert torch.equal(_random.uniform_like(like, generator), torch.rand(3, 4, generator=same, dtype=torch.float64))
    assert torch.equal(_random.normal((2, 5), like, generator), torch.randn(2, 5, generator=same, dtype=torch.float64))
    torch.manual_seed(5)
    found = _random.normal((7,), like, None)
    torch.manual_seed(5)
    assert torch.equal(found, torch.randn(7, dtype=torch.float64))


def test_a_number_is_no_generator():
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or None, got int"):
        _random.uniform_like(torch.zeros(2), 3)


def test_a_seeded_block_restores_the_callers_state_also_after_an_error_and_may_be_nested():
    before = torch.get_rng_state()
    drawn = []

    def fail():
        with _random.seeded(1, CPU):
            drawn.append(torch.rand(2))
            with _random.seeded(2, CPU):
                drawn.append(torch.rand(2))
            drawn.append(torch.rand(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    first, inner, second = drawn
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(4), torch.cat([first, second]))
    torch.manual_seed(2)
    assert torch.equal(torch.rand(2), inner)


class Gpu:
    """The random state of a device that this machine may not have."""

    def __init__(self):
        self.states = {torch.device("cuda", index): torch.tensor([index]) for index in range(2)}

    def get_rng_state(self, device):
        return self.states[device]

    def set_rng_state(self, state, device):
        self.states[device] = state


class GpuGenerator:
    def __init__(self, device):
        pass

    def manual_seed(self, seed):
        self.seed = seed
        return self

    def get_state(self):
        return torch.tensor([self.seed])


def test_the_state_of_one_gpu_is_seeded_and_restored_and_that_of_another_is_left_alone(monkeypatch):
    gpu = Gpu()
    first, second = gpu.states
    monkeypatch.setattr(torch, "get_device_module", lambda device: gpu)
    monkeypatch.setattr(torch, "Generator", GpuGenerator)
    with _random.seeded(7, second):
        assert gpu.states == {first: torch.tensor([0]), second: torch.tensor([7])}
        saved = _random.get_state(second)
    assert gpu.states == {first: torch.tensor([0]), second: torch.tensor([1])}
    _random.set_state(saved, first)
    assert gpu.states == {first: torch.tensor([7]), second: torch.tensor([1])}
    _random.set_state(saved, CPU)  # a run that goes on where there is no GPU
    assert torch.equal(torch.get_rng_state(), saved["cpu"])
