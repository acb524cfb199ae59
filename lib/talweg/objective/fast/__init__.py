"""Evaluations of a network at many points, faster than one point at a time and equal to it."""
