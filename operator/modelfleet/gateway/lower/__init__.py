"""Kinds → `ir`, one object at a time, and what each object is told about it."""
