"""gRPC: translates messages into use cases and back, errors into status codes."""
