"""HTTP in, HTTP out: parse, delegate, shape. Nothing is decided here."""
