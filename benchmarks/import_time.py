"""How long `import aecore` takes, as a ratio to what it needs and to what it leaves to the functions that use it.

    python benchmarks/import_time.py

Each import runs in a process of its own, round after round, so that all of them see the same machine. Of each, the
fastest round counts: whatever else runs can only add time.
"""

import subprocess
import sys

ROUNDS = 7
IMPORTS = {
    "aecore": "import aecore",
    "torch": "import torch",
    "torch, torchvision, scikit-learn": "import torch, torchvision, sklearn.linear_model",
}


def seconds(statement: str) -> float:
    code = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def main() -> None:
    rounds = [{name: seconds(statement) for name, statement in IMPORTS.items()} for _ in range(ROUNDS)]
    fastest = {name: min(times[name] for times in rounds) for name in IMPORTS}
    for name, time in fastest.items():
        print(f"{name:34} {time:6.2f} s   aecore takes {fastest['aecore'] / time:.2f} of it")


if __name__ == "__main__":
    main()
