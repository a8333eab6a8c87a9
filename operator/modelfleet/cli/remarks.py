"""What is said about a manifest: `file:line: kind/name: field: message`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from modelfleet.cli.manifests import Manifest
from modelfleet.cli.yaml_positions import Path

Severity = Literal["error", "warning"]

QUOTED_FIELD = re.compile(r"`([a-z][A-Za-z0-9.\[\]]*)`")


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence about a field of an object."""

    file: str
    line: int
    kind: str
    name: str
    field: str
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """Return the remark as one line that editors can jump to."""
        parts = [f"{self.file}:{self.line}", f"{self.kind}/{self.name}" if self.kind else "", self.field]
        warning = "warning" if self.severity == "warning" else ""
        return ": ".join(part for part in (*parts, warning, self.message) if part)

    def as_dict(self) -> dict[str, Any]:
        """Return the remark for programs."""
        return {name: getattr(self, name) for name in ("file", "line", "kind", "name", "field", "severity", "message")}


def about(manifest: Manifest, message: str, *, path: Path = (), severity: Severity = "error") -> Remark:
    """Return a remark about the field at *path* of *manifest*."""
    return Remark(
        file=manifest.file,
        line=manifest.line(path),
        kind=manifest.kind,
        name=manifest.name,
        field=dotted(path),
        message=message,
        severity=severity,
    )


def about_spec(manifest: Manifest, message: str, *, severity: Severity = "error") -> Remark:
    """Return a remark about the first field of the spec that *message* names in back-quotes, by its last steps."""
    start = (*manifest.at, "spec")
    fields = [path[len(manifest.at) :] for path in manifest.document.lines if path[: len(start)] == start]
    for name in map(steps, QUOTED_FIELD.findall(message)):
        for path in fields:
            if path[-len(name) :] == name:
                return about(manifest, message, path=path, severity=severity)
    return about(manifest, message, path=("spec",), severity=severity)


def in_order(remarks: Iterable[Remark]) -> list[Remark]:
    """Return *remarks* by file and line, without repetitions."""
    return sorted(dict.fromkeys(remarks), key=lambda remark: (remark.file, remark.line, remark.field))


def dotted(path: Path) -> str:
    """Return *path* as people write it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def steps(field: str) -> Path:
    """Return the steps of a field such as `engine.env[0].name`."""
    parts = field.replace("[", ".[").split(".")
    return tuple(int(part[1:-1]) if re.fullmatch(r"\[[0-9]+\]", part) else part for part in parts)
