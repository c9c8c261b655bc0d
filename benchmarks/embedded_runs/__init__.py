"""What `benchmarks.embedded` runs."""
