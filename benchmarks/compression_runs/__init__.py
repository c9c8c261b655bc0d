"""What benchmarks/compression.py measures, a file for each theme."""
