"""Builders of what the fit check looks at."""

from typing import Any

from modelfleet.api.catalogue import Accelerator, EngineVersion, load_catalogue
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit import FitInput

CATALOGUE = load_catalogue()


def accelerator(name: str = "nvidia-h100-80gb", **changes: Any) -> Accelerator:
    return CATALOGUE.accelerators.find(name).model_copy(update=changes)


def architecture(model_id: str, **changes: Any) -> Architecture:
    found = CATALOGUE.models.by_id(model_id)
    if found is None:
        raise LookupError(model_id)
    return found.model_copy(update=changes)


def fit_input(
    model_id: str | None = "meta-llama/Llama-3.1-8B-Instruct",
    *,
    on: str | Accelerator = "nvidia-h100-80gb",
    engine: str = "0.33.0",
    **options: Any,
) -> FitInput:
    """Return *model_id* with *options* of FitInput; None is a model nobody knows."""
    known = {"architecture": architecture(model_id) if model_id else None, "model_name": model_id or "acme/unknown"}
    return FitInput(
        accelerator=on if isinstance(on, Accelerator) else accelerator(on),
        engine_version=EngineVersion.parse(engine),
        **(known | options),
    )
