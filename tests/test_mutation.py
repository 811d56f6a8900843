"""The lists of mutants keep up with the sources; `make mutants` runs them, which takes a quarter of an hour."""

from mutation import run


def test_every_mutant_still_fits_its_source_and_every_file_has_one():
    assert [f"{mutant.file}: {mutant.mistake}" for mutant in run.stale(run.MUTANTS)] == []
    assert run.without_mutant() == []
    assert len({(mutant.file, mutant.right, mutant.wrong) for mutant in run.MUTANTS}) == len(run.MUTANTS)


def test_a_mutant_changes_something_and_names_tests_that_exist():
    for mutant in run.MUTANTS:
        assert mutant.right != mutant.wrong, mutant.mistake
        assert all((run.ROOT / test).is_file() for test in mutant.tests), mutant.tests
