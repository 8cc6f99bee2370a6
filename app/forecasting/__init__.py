"""Windows in, forecasts out; NumPy only."""
