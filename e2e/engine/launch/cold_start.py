"""
How long a start takes, stage by stage.

Seconds as measured on real servers (an 8B in 60–300 s, a 70B in 120–300 s; a warm compile cache saves most of the
compilation), divided by the one time factor. `VLLM_STANDIN_COLD_START_SECONDS` gives the whole of a first start
instead; a warm one then takes the same share of it.
"""

from dataclasses import dataclass

from e2e.engine.launch.settings import Settings

_IMPORT_SECONDS = 15.0
_ENGINE_SECONDS = 25.0
_PROFILE_SECONDS = 10.0
_COMPILE_SECONDS = 50.0
_COMPILED_SECONDS = 8.0
_CAPTURE_SECONDS = 18.0
_DOWNLOAD_BYTES_PER_SECOND = 1.5e9
_READ_BYTES_PER_SECOND = 3e9


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds of each stage, already divided."""

    imports: float
    engine: float
    download: float
    load: float
    compile: float
    capture: float

    @property
    def total(self) -> float:
        """All stages."""
        return self.imports + self.engine + self.download + self.load + self.compile + self.capture


@dataclass(frozen=True, slots=True)
class Warmth:
    """What an earlier start left behind, and what is skipped altogether."""

    weights: bool = False
    graphs: bool = False
    eager: bool = False


def cold_start(weight_bytes: float, *, warmth: Warmth, settings: Settings) -> ColdStart:
    """Return the stages of a start with *weight_bytes* in all."""
    factor = settings.time_factor
    if settings.cold_start_seconds is not None:
        first = _stages(weight_bytes, warmth=Warmth(eager=warmth.eager), factor=1.0)
        factor = first.total / max(settings.cold_start_seconds, 1e-6)
    return _stages(weight_bytes, warmth=warmth, factor=factor)


def _stages(weight_bytes: float, *, warmth: Warmth, factor: float) -> ColdStart:
    compilation = _COMPILED_SECONDS if warmth.graphs else _COMPILE_SECONDS
    return ColdStart(
        imports=_IMPORT_SECONDS / factor,
        engine=_ENGINE_SECONDS / factor,
        download=0.0 if warmth.weights else weight_bytes / _DOWNLOAD_BYTES_PER_SECOND / factor,
        load=weight_bytes / _READ_BYTES_PER_SECOND / factor,
        compile=_PROFILE_SECONDS / factor + (0.0 if warmth.eager else compilation / factor),
        capture=0.0 if warmth.eager else _CAPTURE_SECONDS / factor,
    )
