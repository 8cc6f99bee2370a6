"""One request, whichever door it came by."""
