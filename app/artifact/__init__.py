"""The format of a published model."""
