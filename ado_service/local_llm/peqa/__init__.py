"""PEQA (NeurIPS 2023, arXiv 2305.14152): integer weights of which only the scales are trained."""
