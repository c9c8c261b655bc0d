"""PDKs: found where users keep them, read, and made into numeric model cards."""
