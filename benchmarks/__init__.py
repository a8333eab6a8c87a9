"""Benchmarks on a real API server; `make bench` runs them all and prints the tables of docs/benchmarks.md."""
