"""What one cell of a file means: a head, a date, a number."""
