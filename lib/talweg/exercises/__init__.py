"""Exercises that check, hint and answer in the reader's language, with or without a kernel.

    talweg.exercise("gd-by-hand")                       a number, a choice, an ordering
    talweg.exercise("gd-code", step_with_momentum)      the reader's function, run on hidden cases
    talweg.exercises.progress()                         what has been done, to download or to forget

The statement and the solution are in the chapter; here are the answers, hints and feedback (in the form that `loader`
describes).
"""

from talweg.exercises.loader import known
from talweg.exercises.schema import ExerciseDataError
from talweg.exercises.widgets import Exercise, Progress, exercise, progress

__all__ = ["Exercise", "ExerciseDataError", "Progress", "exercise", "known", "progress"]
