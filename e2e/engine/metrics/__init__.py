"""What `/metrics` shows: families by release, their values, and their exposition."""
