"""Quantized side tuning (QST, ACL 2024, arXiv 2401.07159): a small network beside a frozen one."""
