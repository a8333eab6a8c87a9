"""One reconcile, five verbs: gather, compile, decide, apply, status."""
