"""From watch events to keys that ask for a reconcile."""
