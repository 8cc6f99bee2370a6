"""One connection of HTTP: how it is parsed, bounded and ended."""
