"""`import aecore` brings what the mathematics needs; the rest is loaded by the functions that use it."""

import subprocess
import sys

import pytest
import torch

import aecore as ae
import aecore.data

NOT_AT_IMPORT = ["torchvision", "sklearn", "scipy", "matplotlib", "PIL", "constriction", "IPython", "ipywidgets"]
NOT_AT_IMPORT += ["sympy", "torch._dynamo", "torch._inductor"]


def test_importing_aecore_loads_nothing_that_only_some_functions_need():
    code = "import sys, torch; torchs = {*sys.modules}; import aecore; "
    code += f"print([name for name in {NOT_AT_IMPORT} if name in sys.modules and name not in torchs])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


X = torch.rand(3, 1, 2, 2)
FILES = ae.write_pictures(X)
NEEDS = {
    "torchvision": lambda: ae.dataset("KMNIST"),
    "sklearn": lambda: ae.linear_probe(*(torch.rand(4, 2), torch.tensor([0, 1, 0, 1])) * 2),
    "PIL": lambda: ae.write_pictures(X),
    "PIL ": lambda: ae.read_pictures(FILES),
}


@pytest.mark.parametrize("package", NEEDS)
def test_a_missing_package_is_named_with_what_installs_it(package, monkeypatch):
    call, package = NEEDS[package], package.strip()
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(ImportError, match=rf'aecore\.\w+ needs the package {package}; pip install "aecore\[lab\]"'):
        call()
