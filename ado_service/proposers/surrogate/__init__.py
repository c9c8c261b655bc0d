"""Gaussian processes of a circuit's specs."""
