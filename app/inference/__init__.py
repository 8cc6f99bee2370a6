"""Loaded models, and how they are run."""
