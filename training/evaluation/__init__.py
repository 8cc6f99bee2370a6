"""How good forecasts are, on sessions that they have not seen."""
