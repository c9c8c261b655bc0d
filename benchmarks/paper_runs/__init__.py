"""Runs of the paper's comparison: its arms as jobs of the service, and the rows made of them."""
