"""Do the tests bite? Each mutant is aecore with one classic mistake; some test must fail on it.

    python tests/mutants.py            # all of them, two at once
    python tests/mutants.py sign mean  # those whose description contains one of the words

Exit status 1 if a mutant survives, or if its pattern no longer occurs exactly once in the source.
"""

# ruff: noqa: E501  (a mutant a line)
import gc
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "aecore"


class Mutant(NamedTuple):
    mistake: str
    file: str
    right: str
    wrong: str

    @property
    def tests(self) -> Path:
        return TESTS / f"test_{self.file.lstrip('_')}"


MUTANTS = [
    Mutant("sign of the KL flipped", "losses.py", "return 0.5 * (mean.square()", "return -0.5 * (mean.square()"),
    Mutant("the half of the KL dropped", "losses.py", "return 0.5 * (mean.square()", "return (mean.square()"),
    Mutant("KL averaged over dimensions", "losses.py", "- logvar)).sum(dim=1)", "- logvar)).mean(dim=1)"),
    Mutant("log variance taken for log sigma", "losses.py", "(logvar.expm1() - logvar)", "((2 * logvar).expm1() - logvar)"),
    Mutant("sampling with variance for sigma", "losses.py", "(0.5 * logvar).exp() * eps", "logvar.exp() * eps"),
    Mutant("log-determinant with the wrong sign", "losses.py", "+ log_det_ratio))", "- log_det_ratio))"),
    Mutant("squared error averaged over pixels", "losses.py", "(x_hat - x).square().flatten(1).sum", "(x_hat - x).square().flatten(1).mean"),
    Mutant("Bernoulli log-probability averaged over pixels", "losses.py", "value=-1).sum(dim=-1)\n", "value=-1).mean(dim=-1)\n"),
    Mutant("the same where a GPU computes it", "losses.py", "value=-1).sum(dim=-1).neg_()", "value=-1).mean(dim=-1).neg_()"),
    Mutant("gradient of the Bernoulli with its sign flipped", "losses.py", "(x - logits.sigmoid()) * grad", "(logits.sigmoid() - x) * grad"),
    Mutant("products of so many factors that they underflow", "losses.py", "range(min(pixels, 126)", "range(pixels"),
    Mutant("normalizer of the Bernoulli without its linear part", "losses.py", "work = logits.clamp_min(0)", "work = torch.zeros_like(logits)"),
    Mutant("beta left out of the gradient that is written out", "_by_hand.py", "torch.add(of_z, mean, alpha=scale * beta)", "torch.add(of_z, mean, alpha=scale)"),
    Mutant("gradient of log variance taken for that of log sigma", "_by_hand.py", "alpha=scale * beta).mul_(0.5)", "alpha=scale * beta)"),
    Mutant("gradient without the path through sigma", "_by_hand.py", "(std * eps).mul_(of_z)", "(std * 0)"),
    Mutant("activation left out on the way back", "_by_hand.py", "        if activation:\n            gradient", "        if False:\n            gradient"),
    Mutant("written-out gradient towards the input, not the target", "_by_hand.py", "self._of_output(output, target)", "self._of_output(output, x)"),
    Mutant("shares of the input's gradient not summed", "_by_hand.py", ".sum(dim=0) if to_input", "[0] if to_input"),
    Mutant("shares of a layer in the wrong order", "_by_hand.py", "torch.add(columns.transpose(0, 1),", "torch.add(columns.flip(0).transpose(0, 1),"),
    Mutant("a gradient of the caller's written over", "training.py", "        optimizer.zero_grad(set_to_none=True)", "        pass"),
    Mutant("hooks passed over", "_by_hand.py", "return any(getattr(part, name, None) for name in (*names", "return any(False for name in (*names"),
    Mutant("Adam's state lost between steps", "training.py", "[means, squares, [], steps]", "[[mean.clone() for mean in means], squares, [], steps]"),
    Mutant("start at the mean, not at its logit", "models.py", ".logit() if bounds", " if bounds"),
    Mutant("a learning rate that never rises", "training.py", "1 + (start - 1) * (1 +", "start + 0 * (1 +"),
    Mutant("a cycle that begins anew with each epoch", "training.py", "(epoch - 1) * steps, max", "0, max"),
    Mutant("log sigma left out of the Gaussian", "losses.py", " - sigma.log() - 0.5", " - 0.5"),
    Mutant("log 2π left out of the Gaussian", "losses.py", " - 0.5 * math.log(2 * math.pi)", ""),
    Mutant("sparsity KL with its sides swapped", "losses.py", "bernoulli_kl(torch.full_like(rho_hat, rho), rho_hat)", "bernoulli_kl(rho_hat, torch.full_like(rho_hat, rho))"),
    Mutant("sparsity of single activations, not of their mean", "losses.py", "return a.abs().sum(dim=1).mean()", "return a.abs().mean()"),
    Mutant("IWAE without − log k", "losses.py", " - math.log(log_w.shape[0])", ""),
    Mutant("IWAE that weighs the worst sample most", "losses.py", "return torch.logsumexp(log_w, dim=0)", "return -torch.logsumexp(-log_w, dim=0)"),
    Mutant("0 · log 0 is nan", "losses.py", "torch.special.xlogy(p, p)", "p * p.log()"),
    Mutant("latent prior counted once for each dimension", "models.py", "+ logvar).sum(dim=-1)", "+ logvar).sum(dim=-1) * z.shape[-1]"),
    Mutant("KL added to the ELBO", "models.py", '["log_prob"] - self.beta', '["log_prob"] + self.beta'),
    Mutant("decoder given the mean, not a sample", "models.py", '"decoder", "z", z), x if', '"decoder", "z", mean), x if'),
    Mutant("one sample used for all k", "models.py", "eps = _normal((samples, *mean.shape), mean, generator)", "eps = _normal(mean.shape, mean, generator).expand(samples, *mean.shape)"),
    Mutant("clean target of a denoising VAE ignored", "models.py", "x if target is None else target\n        return {", "x\n        return {"),
    Mutant("beta left out of the training loss", "models.py", 'self.beta * parts["kl"]}', 'parts["kl"]}'),
    Mutant("masking rate inverted", "data.py", "_uniform_like(x, generator) < rate, 0)", "_uniform_like(x, generator) >= rate, 0)"),
    Mutant("salt only", "data.py", "masked_fill(chance < rate / 2, 0)", "masked_fill(chance < rate / 2, 1)"),
    Mutant("binarization inverted", "data.py", "(_uniform_like(x, generator) < x)", "(_uniform_like(x, generator) > x)"),
    Mutant("checksum not compared", "data.py", "if found != expected:", "if False:"),
    Mutant("images not shuffled", "training.py", "torch.randperm(len(images), device", "torch.arange(len(images), device"),
    Mutant("seed ignored", "training.py", "torch.default_generator.manual_seed(seed)", "torch.default_generator.seed()"),
    Mutant("checkpoint without the optimizer's state", "training.py", "**fresh, \"state\": state", '**fresh, "state": {}'),
    Mutant("checkpoint not written at the end", "training.py", " or epoch == epochs)", ")"),
    Mutant("checkpoint without the random state", "training.py", "torch.set_rng_state(value)", "pass"),
    Mutant("checkpoint written in place", "training.py", 'path.with_name(f".{path.name}.{os.getpid()}")', "path"),
    Mutant("checkpoint's checksum not compared", "training.py", "if found != expected:", "if False:"),
    Mutant("evaluation that weighs batches equally", "training.py", ".double().cpu() * len(target)", ".double().cpu() * batch_size"),
    Mutant("dropout left on in evaluation", "training.py", "    model.eval()\n", "    model.train()\n"),
    Mutant("chunks of samples averaged without their number", "evaluation.py", "return log_sum - math.log(samples)", "return log_sum - math.log(draws)"),
    Mutant("last chunk drawn whole", "evaluation.py", "min(draws, samples - start)", "draws"),
    Mutant("active units by second moment", "evaluation.py", "vae.posterior(x)[0].var(dim=0)", "vae.posterior(x)[0].square().mean(dim=0)"),
    Mutant("active units above another threshold", "evaluation.py", "threshold: float = 1e-2", "threshold: float = 1e-3"),
    Mutant("probe tested on what it was trained on", "evaluation.py", "train_labels.cpu().numpy())\n    return float(probe.score(((test ", "train_labels.cpu().numpy())\n    return float(probe.score(((train "),
    Mutant("code cut off, not rounded", "codec.py", "/ self.step).round()", "/ self.step).floor()"),
    Mutant("integers decoded without the step", "codec.py", "rows * self.step", "rows"),
    Mutant("integers decoded without where they begin", "codec.py", "np.tile(self.low, ", "np.tile(0 * self.low, "),
    Mutant("integers that were never seen are impossible", "codec.py", "= 1 + np.bincount", "= np.bincount"),
    Mutant("bits counted in nats", "codec.py", "return -np.log2(", "return -np.log("),
    Mutant("the coder's whole words kept", "codec.py", "range(max(0, int(bits // 8) - 1), len(whole))", "range(0)"),
    Mutant("length of a file left out", "codec.py", "return _length(length) + short", "return short"),
    Mutant("tables left out of the size", "codec.py", "decoder + 4 * int((self.high - self.low + 2).sum())", "decoder"),
    Mutant("decoded pictures outside [0, 1]", "codec.py", ".clamp(0, 1).mul(255)", ".mul(255)"),
    Mutant("quality not handed on", "codec.py", '{"quality": quality, **', '{"quality": 75, **'),
    Mutant("end marker counted as payload", "codec.py", "file[at:-2], file[-2:]", "file[at:], file[-2:]"),
    Mutant("sign of PSNR", "evaluation.py", "return -10 *", "return 10 *"),
]  # fmt: skip


SLOW = TESTS / "test_training.py::test_one_epoch_on_mnist_passes_a_set_elbo"
# Imported once by the server that every worker is forked from; never aecore itself.
HEAVY = ["pytest", "torch", "torchvision", "safetensors.torch", "tqdm.auto", "hypothesis", "scipy.stats"]
HEAVY += ["scipy.integrate", "sklearn.linear_model"]


class FirstFailure:
    name: str | None = None

    def pytest_collectreport(self, report) -> None:
        self.pytest_runtest_logreport(report)

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed and self.name is None:
            self.name = report.nodeid.rsplit("/", 1)[-1]


def killer(mutant: Mutant) -> str | None:
    """The first test that fails on the mutant, None if all pass. Runs in a process of its own."""
    import pytest

    gc.freeze()  # pytest collects garbage ten times a run, and torch's modules are none
    first = FirstFailure()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "aecore"
        copy.mkdir()
        for source in PACKAGE.glob("*.py"):
            shutil.copy(source, copy)
        (copy / "assets").symlink_to(PACKAGE / "assets")  # large, and no mutant writes there
        source = (copy / mutant.file).read_text()
        (copy / mutant.file).write_text(source.replace(mutant.right, mutant.wrong))
        os.chdir(folder)
        sys.path.insert(0, folder)
        os.environ |= {"PYTHONPATH": folder, "AECORE_MUST_BE_IN": folder, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        os.environ.pop("PYTEST_ADDOPTS", None)
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", f"--rootdir={TESTS.parent}", f"--deselect={SLOW}"]
        with redirect_stdout(io.StringIO()) as output:
            status = pytest.main([*options, str(mutant.tests)], plugins=[first])
        os.chdir("/")
    if status == 0:
        return None
    if status != 1 or first.name is None:
        raise RuntimeError(f"{mutant.mistake}: pytest did not run\n{output.getvalue()}")
    return first.name


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.mistake for word in words)]
    stale = [mutant for mutant in chosen if (PACKAGE / mutant.file).read_text().count(mutant.right) != 1]
    for mutant in stale:
        print(f"STALE     {mutant.mistake}: {mutant.right!r} is not exactly once in {mutant.file}")
    fresh = [mutant for mutant in chosen if mutant not in stale]
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(HEAVY)
    with ProcessPoolExecutor(2, mp_context=server, max_tasks_per_child=1) as pool:
        killers = list(pool.map(killer, fresh))
    for mutant, test in zip(fresh, killers, strict=True):
        print(f"{'killed' if test else 'SURVIVED':9} {mutant.mistake:52} {test or ''}")
    survivors = killers.count(None)
    print(f"{len(fresh) - survivors} of {len(chosen)} mutants killed, {survivors} survived, {len(stale)} stale")
    return int(bool(survivors or stale or not chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
