"""Bytes into rows of cells: CSV of any encoding and delimiter, and the JSON of vendors."""
