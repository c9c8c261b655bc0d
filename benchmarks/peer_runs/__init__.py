"""Runs of the comparison: one run, the records of all, and the rows and plots made of them."""
