"""From pydantic models to CustomResourceDefinitions: one source for validation on the server and offline."""
