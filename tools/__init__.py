"""Programs that are run beside the service: conformance, chaos, fuzz, soak."""
