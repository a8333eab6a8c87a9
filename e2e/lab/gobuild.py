"""Build tools from Go modules: each in a module of its own, because their requirements contradict each other."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.errors import LabError
from e2e.lab.progress import Progress
from e2e.lab.tools import Tool, built_name

_MINIMUM_GO = (1, 26)
"""What Kubernetes 1.36 asks for in its go.mod."""
_NEWS_SECONDS = 30
_SCRATCH = ".build-"
_USUAL_GO = Path("/usr/local/go/bin/go")


def build(tool: Tool, target: Path, *, progress: Progress) -> None:
    """Build the binaries of *tool* and move them into *target*, each at once or not at all."""
    go = _require_go()
    for abandoned in target.glob(f"{_SCRATCH}*"):  # of a build that was killed; the caller lets one build at a time in
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=target) as scratch:
        workshop = _Workshop(go=go, module=Path(scratch) / "module", output=Path(scratch) / "bin", tool=tool)
        with progress.step(f"built {tool.label}"):
            _with_news(workshop.make, progress=progress, text=f"building {tool.label} from Go modules")
        for binary, package in zip(tool.binaries, tool.module.packages, strict=True):
            (workshop.output / built_name(package)).rename(target / binary)


@dataclass(frozen=True, slots=True)
class _Workshop:
    go: str
    module: Path
    output: Path
    tool: Tool

    def make(self) -> None:
        self.module.mkdir()
        self.output.mkdir()
        self._go("mod", "init", f"lab/{self.tool.name}")
        if self.tool.module.staging_version:
            self._replace_staging(self.tool.module.staging_version)
        versioned = [f"{package}@v{self.tool.version}" for package in self.tool.module.packages]
        self._go("get", *versioned)
        flags = f"-s -w {self.tool.module.link_flags}".format(version=self.tool.version)
        self._go("build", "-trimpath", "-ldflags", flags, "-o", f"{self.output}/", *self.tool.module.packages)

    def _replace_staging(self, version: str) -> None:
        """Redirect exactly the requirements on v0.0.0; their neighbours carry real versions and must stay."""
        path = self.tool.module.path
        downloaded = json.loads(self._go("mod", "download", "-json", f"{path}@v{self.tool.version}"))
        required = json.loads(self._go("mod", "edit", "-json", downloaded["GoMod"]))["Require"]
        staged = [entry["Path"] for entry in required if entry["Version"] == "v0.0.0"]
        self._go("mod", "edit", *(f"-replace={module}={module}@v{version}" for module in staged))

    def _go(self, *arguments: str) -> str:
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=mod", "GOTOOLCHAIN": "local"}
        done = subprocess.run(
            [self.go, *arguments], cwd=self.module, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise LabError(f"`go {' '.join(arguments[:3])} …` for {self.tool.label} failed:\n{done.stderr[-3000:]}")
        return done.stdout


def _require_go() -> str:
    go = shutil.which("go") or (str(_USUAL_GO) if _USUAL_GO.exists() else None)
    wanted = ".".join(map(str, _MINIMUM_GO))
    advice = f"install Go {wanted} or newer, or set LAB_BIN_DIR to a directory with the programs"
    if go is None:
        raise LabError(f"Go must be installed to build what cannot be downloaded; {advice}")
    text = subprocess.run([go, "version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"go(\d+)\.(\d+)", text)
    if match is None or (int(match[1]), int(match[2])) < _MINIMUM_GO:
        raise LabError(f"Go must be {wanted} or newer, found {text.strip()!r} at {go}; {advice}")
    return go


def _with_news(work: Callable[[], None], *, progress: Progress, text: str) -> None:
    """Run *work* and say now and then that it is still going on."""
    done = threading.Event()

    def tell() -> None:
        progress.note(f"{text} …")
        began = time.monotonic()
        while not done.wait(_NEWS_SECONDS):
            progress.note(f"{text} … {time.monotonic() - began:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        work()
    finally:
        done.set()
        teller.join()
