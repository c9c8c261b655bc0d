"""Trade-offs of two or three metrics: what is known of them, and where to look for more."""
