#!/bin/sh
# Executes every notebook of the book, on all cores, always anew: nbval tests the cells, and what it saw is kept where
# the build finds it (publish/aebook/keep.py). One thread each: the threads of two notebooks would wait for each other.
# No progress bars: they would stand on the page.
set -eu
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 TQDM_DISABLE=1
rm -rf _build/.jupyter_cache _build/html
exec .venv/bin/pytest -n auto --dist loadfile -p aebook.keep --nbval-lax --nbval-current-env --nbval-cell-timeout 300 chapters ./*.ipynb
