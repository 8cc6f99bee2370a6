"""Where prices come from, and whether they are fit to be fitted on."""
