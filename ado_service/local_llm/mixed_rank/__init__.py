"""Activation-aware mixed-rank compression (arXiv 2402.06004): thin factors in place of matrices."""
