"""Holds requests for fleets without replicas until one is ready; any replica of the operator, with no authority."""
