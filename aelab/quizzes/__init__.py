"""The self-check questions of every chapter: `NN.json` asks, `questions.py` checks their form, `quiz.py` shows them.

Example:
    >>> from aelab import quizzes
    >>> quizzes.quiz("06")
    Quiz(9 questions, 0 right)
"""

from aelab.quizzes.questions import TAGS, chapters, check, read
from aelab.quizzes.quiz import Quiz, quiz

__all__ = ["TAGS", "Quiz", "chapters", "check", "quiz", "read"]
