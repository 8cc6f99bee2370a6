"""POST /predict and infer, answered on the server's own protocol, without ASGI."""
