"""Evaluations of a network at many points, faster than one point at a time and equal to it.

Read `one_by_one.py` first, the definition; then `choose.py`, which evaluator is taken when.
"""
