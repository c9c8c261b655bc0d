"""The commands of the `ado` CLI, one file each."""
