"""DISP-LLM (NeurIPS 2024, arXiv 2410.11988): every block keeps channels and widths of its own."""
