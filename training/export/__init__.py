"""Fitted networks as ONNX graphs, and the proof that both forecast the same."""
