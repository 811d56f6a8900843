"""Do the tests bite? Each mutant is the package with one mistake in it, and some test must fail on it.

`core.py`, `training.py` and `lab.py` list the mutants of the Python, `javascript.py` those of the figures' pages;
`run.py` runs them: `make mutants`.
"""
