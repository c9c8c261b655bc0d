"""What a user could size circuits with instead: one file a method, one protocol for all."""
