"""Jobs: lease, runner, events."""
