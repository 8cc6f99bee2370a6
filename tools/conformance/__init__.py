"""Whether a server speaks the Open Inference Protocol v2: `python -m tools.conformance URL`."""
