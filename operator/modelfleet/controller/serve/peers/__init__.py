"""What the operator's replicas tell each other: which fleets are asked for, and what each gateway acknowledged."""
