"""Checks for the exercises, one module per lecture: they say what went wrong, not only that something did."""

from aelab.exercises.verdict import Verdict

__all__ = ["Verdict"]
