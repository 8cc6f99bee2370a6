"""The commands of `python -m training`, one module each: what they take, and what they do."""
