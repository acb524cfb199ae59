"""Figures and exercises of the chapter `difference-quotient`."""
