"""A model of a fleet under load, for the product's own scaler and for others."""
