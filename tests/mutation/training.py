"""Mutants of training: loop, step, batches, checkpoints, the gradient written out."""

# ruff: noqa: E501  (a mutant a line)
from mutation.mutant import mutants_of

MUTANTS = [
    *mutants_of(
        "aecore/training/batches.py",
        "tests/test_batches.py tests/test_training.py",
        ('images not shuffled', 'torch.randperm(self.images, device=device)', 'torch.arange(self.images, device=device)'),
        ('images not divided by their scale', 'images.to(self.dtype) / self.scale', 'images.to(self.dtype)'),
        ('a batch of one image under batch normalization', 'return 2 * processes if any', 'return 1 * processes if any'),
        ('labels of other images', '(_select(self.labels, index),)', '(self.labels[: len(index)] if isinstance(index, Tensor) else self.labels[index],)'),
    ),
    *mutants_of(
        "aecore/training/bytecode.py",
        "tests/test_identity.py",
        ('constants of a function not compared', '[_constant(constant) for constant in code.co_consts]', '[]'),
        ('globals of a function not read', 'if instruction.opname == "LOAD_GLOBAL"', 'if instruction.opname == "NEVER"'),
    ),
    *mutants_of(
        "aecore/training/checkpoint.py",
        "tests/test_checkpoint.py tests/test_checkpoint_refused.py",
        ('checkpoint without the random state', '        _random.set_state(self.random, _device(model))\n', '        pass\n'),
        ('a run of another objective resumed', 'differences(then, run)\n', 'None\n'),
        ("checkpoint without the optimizer's state", '        optimizer.load_state_dict(states)\n', '        pass\n'),
        ('weights that are no numbers saved', 'and not value.isfinite().all():', 'and False:'),
    ),
    *mutants_of(
        "aecore/training/contexts.py",
        "tests/test_training_contexts.py",
        ('a frozen submodule trained', 'if not any(module.training for module in model.modules()):', 'if True:'),
        ('weights cast once for all steps', 'torch.set_autocast_cache_enabled(False)', 'torch.set_autocast_cache_enabled(True)'),
        ('no gradient where the caller has none', 'with torch.inference_mode(False), torch.enable_grad():', 'if True:'),
        ('a model left where a failed run took it', '        model.to(before)\n        raise', '        raise'),
    ),
    *mutants_of(
        "aecore/training/cuda_graph.py",
        "tests/test_cuda_graph.py",
        ("Adam's pieces share one count of steps", '*(state["step"].clone() for _ in', '*(state["step"] for _ in'),
    ),
    *mutants_of(
        "aecore/training/devices.py",
        "tests/test_training.py",
        ('every process on the first GPU', 'return torch.device("cuda", int(local_rank))', 'return torch.device("cuda", 0)'),
        ('a single visible GPU asked for by its number', 'or visible == 1', 'or False'),
    ),
    *mutants_of(
        "aecore/training/epoch.py",
        "tests/test_training.py tests/test_training_contexts.py",
        ('weights that are no numbers not noticed', 'if lost and math', 'if False and math'),
        ('batches of every size weighed alike', 'share = batch.weight * batch.size / processes.count', 'share = batch.weight / processes.count'),
    ),
    *mutants_of(
        "aecore/training/gradient.py",
        "tests/test_gradient.py",
        ('beta left out of the gradient that is written out', 'torch.add(of_z, mean, alpha=scale * beta)', 'torch.add(of_z, mean, alpha=scale)'),
        ('gradient of log variance taken for that of log sigma', 'alpha=scale * beta).mul_(0.5)', 'alpha=scale * beta)'),
        ('gradient without the path through sigma', '(std * eps).mul_(of_z)', '(std * 0)'),
        ("shares of the input's gradient not summed", '.sum(dim=0) if to_input', '[0] if to_input'),
        ('shares of a layer in the wrong order', 'torch.add(columns.transpose(0, 1),', 'torch.add(columns.flip(0).transpose(0, 1),'),
    ),
    *mutants_of(
        "aecore/training/history.py",
        "tests/test_training.py tests/test_checkpoint.py",
        ('a loss that is no number recorded', '    if not math.isfinite(total):', '    if False:'),
        ('parts of the loss not kept', '    if len(parts) > 1:', '    if len(parts) > 2:'),
    ),
    *mutants_of(
        "aecore/training/identity.py",
        "tests/test_identity.py tests/test_identity_of_runs.py tests/test_checkpoint_refused.py",
        ('a tensor known by its shape alone', 'hashlib.sha256(content(tensor)).hexdigest()[:16]', '0'),
        ('names of a compiled model kept', 'name.replace("_orig_mod.", "")', 'name'),
    ),
    *mutants_of(
        "aecore/training/inputs.py",
        "tests/test_batches.py",
        ('bytes taken for images in [0, 1]', 'if scale is None and images.dtype in _INTEGERS:', 'if False:'),
    ),
    *mutants_of(
        "aecore/training/loop.py",
        "tests/test_training.py tests/test_checkpoint.py",
        ('checkpoint not written at the end', ' or epoch == epochs)', ')'),
    ),
    *mutants_of(
        "aecore/training/plain.py",
        "tests/test_gradient.py",
        ('a patched method passed over', 'or _patched() or', 'or'),
        ('hooks passed over', 'any(getattr(module, name) for name in _HOOKS) or', 'False or'),
        ("a layer's own forward passed over", 'or any(hasattr(type(module), name) for name in vars(module))', ''),
        ('weights that are frozen trained', 'and weight.requires_grad for weight', 'for weight'),
    ),
    *mutants_of(
        "aecore/training/processes.py",
        "tests/test_processes.py",
        ('the same noise in every process', 'seed + self.rank * 2_654_435_761', 'seed'),
        ("a shard's mean counted as any other", 'len(mine) * self.count / len(indices)', '1.0'),
        ('other arguments in another process', '            if different:', '            if False:'),
    ),
    *mutants_of(
        "aecore/training/progress.py",
        "tests/test_training.py",
        ('a bar that no switch silences', 'os.environ.get("TQDM_DISABLE", "0") not in ("", "0")', 'False'),
        ('a dead bar in a saved notebook', 'place.update({"text/plain": ""}, raw=True)', 'pass'),
    ),
    *mutants_of(
        "aecore/training/schedules.py",
        "tests/test_training.py",
        ('a learning rate that never rises', '1 + (start - 1) * (1 +', 'start + 0 * (1 +'),
        ('a cycle that begins anew with each epoch', '(epoch - 1) * steps, max', '0, max'),
    ),
    *mutants_of(
        "aecore/training/step.py",
        "tests/test_training.py tests/test_training_contexts.py",
        ("a gradient of the caller's added to", '        self.optimizer.zero_grad(set_to_none=True)\n        (total', '        (total'),
        ('half-precision parameters taken', '    if half:', '    if False:'),
        ('a loss averaged in half precision', 'part.to(torch.promote_types(part.dtype, torch.float32)).mean()', 'part.mean()'),
    ),
    *mutants_of(
        "aecore/training/storage.py",
        "tests/test_checkpoint_refused.py tests/test_storage.py",
        ('checkpoint written in place', 'path.with_name(f".{path.name}.{os.getpid()}")', 'path'),
        ("checkpoint's checksum not compared", 'if found != expected:', 'if False:'),
        ('half a file left on a full disk', '            temporary.unlink(missing_ok=True)\n    if os', '            pass\n    if os'),
        ('home not expanded', 'Path(value).expanduser()', 'Path(value)'),
    ),
]  # fmt: skip
