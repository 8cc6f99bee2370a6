"""The service: published models in, forecasts over HTTP out."""
