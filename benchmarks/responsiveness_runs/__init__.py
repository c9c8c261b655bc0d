"""What `benchmarks.responsiveness` is made of: a model, a server, its load, and who asks it."""
