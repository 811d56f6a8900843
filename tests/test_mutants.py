"""The tests of aecore are themselves tested: each of the classic mistakes makes one of them fail."""

import subprocess
import sys
from pathlib import Path


def test_every_mutant_is_killed():
    done = subprocess.run([sys.executable, str(Path(__file__).with_name("mutants.py"))], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
