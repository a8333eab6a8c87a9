"""The HTTP filters of the client listener, one file each for what they decide; `chain` has their order."""
