"""What the gateway does as Envoy's resources: plain dicts, the JSON form of its messages."""
