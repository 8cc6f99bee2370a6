"""Forecasters that a network has to beat."""
