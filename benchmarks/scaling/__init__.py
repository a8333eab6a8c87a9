"""Scalers against each other on simulated fleets: ours, and those of products re-implemented from their formulas."""
