"""SPICE netlists: read, checked against an allow-list, rendered as decks."""
