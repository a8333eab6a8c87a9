"""What is known before anything runs: accelerators, models, and the flags of each vLLM version."""

from modelfleet.api.catalogue.accelerators import Accelerator, AcceleratorCatalogue
from modelfleet.api.catalogue.engine_flags import EngineFlags
from modelfleet.api.catalogue.engine_version import EngineVersion, EngineVersionError
from modelfleet.api.catalogue.errors import CatalogueError
from modelfleet.api.catalogue.load import Catalogue, load_catalogue
from modelfleet.api.catalogue.models import ModelCatalogue

__all__ = [
    "Accelerator",
    "AcceleratorCatalogue",
    "Catalogue",
    "CatalogueError",
    "EngineFlags",
    "EngineVersion",
    "EngineVersionError",
    "ModelCatalogue",
    "load_catalogue",
]
