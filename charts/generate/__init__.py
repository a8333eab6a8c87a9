"""Writes what the chart and the manifests repeat of other files; `python -m charts.generate` is the command."""
