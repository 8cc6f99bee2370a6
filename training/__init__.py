"""Offline: daily price histories in, published models out."""
