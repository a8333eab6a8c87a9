"""The kinds of `modelfleet.dev/v1alpha1`."""
