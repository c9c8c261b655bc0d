"""Tuning of local models on the designs of finished jobs, as a job of its own."""
