"""This service's own routes and bodies."""
