"""Who suggests the next designs."""
