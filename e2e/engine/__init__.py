"""
The stand-in engine: `vllm serve` of a chosen version, without a GPU and without a model.

It takes that version's flags, speaks its HTTP API, exports its metrics and keeps its time. What is modelled, and what
is not, is in docs/stand-in-engine.md.
"""
