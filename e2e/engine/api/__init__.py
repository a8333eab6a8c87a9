"""The HTTP server: vLLM's routes, status codes and JSON."""
