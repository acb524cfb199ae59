"""Figures, exercises, experiment and recorded results of the chapter `curvature`."""
