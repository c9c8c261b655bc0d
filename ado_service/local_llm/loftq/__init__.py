"""LoftQ (ICLR 2024, arXiv 2310.08659): quantized weights, and LoRA that makes up for the rest."""
