"""A million requests made from valid ones: `python -m tools.fuzz`."""
