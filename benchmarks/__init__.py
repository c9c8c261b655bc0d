"""Every figure that we claim, as a command that measures ours and the peer's side by side."""
