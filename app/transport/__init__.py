"""The edge of HTTP that all routes share."""
