# `make book` and `make test` are all that is needed; each line is one that a person could type.
export TQDM_DISABLE ?= 1
run = .venv/bin/
build = $(run)jupyter-book build . --all -W -n --keep-going

# A cell that gives another number here than in the book is told, and does not stop the book.
book: ; sh publish/environment.sh && { sh publish/execute.sh || true; } && $(build)
site: ; $(build)

test: lint unit notebooks pages
lint: workflow types js ; $(run)ruff check . && $(run)ruff format --check .
types: environment ; $(run)mypy --strict -p aecore && $(run)mypy -p aelab
js: environment ; $(run)node node_modules/@biomejs/biome/bin/biome check --error-on-warnings && $(run)node node_modules/typescript/bin/tsc
workflow: environment ; $(run)check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml && $(run)zizmor -q --offline .github
unit: environment ; OMP_NUM_THREADS=1 $(run)pytest -n 2 --doctest-modules --cov --cov-report= tests aecore aelab --ignore tests/book
notebooks: environment ; sh publish/execute.sh
pages: environment site ; $(run)pytest -n 2 --dist loadfile --cov --cov-append --cov-report= tests/book && $(run)coverage report --skip-covered --fail-under 98

serve: ; $(run)python -m http.server --bind 127.0.0.1 --directory _build/html 8000
# An edited figure shows in JupyterLab at once: esbuild writes it anew, anywidget watches what it writes.
lab: environment ; $(run)python publish/aebook/bundle.py aelab/figures/dist --watch & ANYWIDGET_HMR=1 TQDM_DISABLE=0 $(run)jupyter lab
figure: environment ; $(run)python publish/figure.py $(NAME)
gallery: environment ; $(run)python publish/gallery.py _build/gallery
outputs: environment ; $(run)jupyter nbconvert --to notebook --execute --inplace *.ipynb chapters/*.ipynb && $(run)nbstripout *.ipynb chapters/*.ipynb
slides: ; [ -d _build/.jupyter_cache ] || $(MAKE) book; $(run)python publish/decks.py _build
student: environment ; $(run)python publish/student.py _build/student
colab: environment ; OMP_NUM_THREADS=1 $(run)python publish/colab.py $(FROM)
bundle: environment ; $(run)python publish/stick.py
pdf: environment ; $(run)python publish/pdf.py _build/html _build/autoencoders-hands-on.pdf
links: book ; $(run)jupyter-book build . --builder linkcheck
fork: environment ; $(run)python publish/fork.py $(URL)
roles: environment ; $(run)python publish/roles.py
mutants: environment ; $(run)python tests/mutation/run.py && $(run)python tests/js_mutants.py
bench: environment ; sh benchmarks/run.sh
environment: ; sh publish/environment.sh browser
lock: ; $(run)uv pip compile --quiet --universal --python-version 3.11 --no-header requirements.in --output-file requirements.txt

.PHONY: book site test lint types js workflow unit notebooks pages serve lab figure gallery outputs slides student colab bundle pdf links fork roles mutants bench environment lock
