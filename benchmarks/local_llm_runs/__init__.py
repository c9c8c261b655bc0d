"""What `benchmarks.local_llm` is made of: configurations, models, measurements, rows."""
