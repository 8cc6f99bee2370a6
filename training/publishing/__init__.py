"""Published versions: written, kept, and taken back."""
