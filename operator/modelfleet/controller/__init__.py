"""Everything that touches the world: watches, the API server, health and metrics."""
