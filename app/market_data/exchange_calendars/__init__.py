"""The sessions of exchanges, from tables."""
