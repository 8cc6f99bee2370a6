"""The Open Inference Protocol by gRPC: an extra, imported only where its port is set."""

try:
    import google.protobuf  # noqa: F401 - looked for, not used
    import grpc  # noqa: F401 - the same
except ImportError:
    raise ImportError(
        "NEXTDAY_GRPC_PORT needs grpcio and protobuf: install nextday[grpc]"
    ) from None
