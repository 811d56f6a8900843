#!/bin/sh
# Executes every notebook of the book, side by side, into the cache that the build reads. Always anew: neither cache
# nor build would see a change of the package. One thread each: the threads of two notebooks would wait for each other.
set -eu
cd "$(dirname "$0")/.."
export JUPYTERCACHE=_build/.jupyter_cache OMP_NUM_THREADS=1
rm -rf _build
yes | .venv/bin/jcache notebook add ./*.ipynb chapters/*.ipynb >/dev/null
.venv/bin/jcache project execute --executor local-parallel --timeout 900
