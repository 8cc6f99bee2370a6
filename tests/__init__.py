"""Tests: app/ without TensorFlow, training/ with it, e2e/ over real containers."""
