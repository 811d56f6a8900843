#!/bin/sh
# The benchmarks that a person can wait for (about a quarter of an hour), then the page. They have an environment of
# their own, so that other people's trainers are not in the book's. Nothing else should run meanwhile.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venv-bench
.venv/bin/uv pip install --quiet --python .venv-bench/bin/python -r requirements.txt -r benchmarks/requirements.txt
for name in training_speed gpu_speed growth time_to_quality evaluation_speed report; do .venv-bench/bin/python "benchmarks/$name.py"; done
