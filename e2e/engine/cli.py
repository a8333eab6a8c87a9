"""`vllm serve`, from the command line to the exit code."""

import asyncio
import os
import sys
from collections.abc import Sequence

from e2e.engine import log
from e2e.engine.assembly import assemble
from e2e.engine.flags.parser import parse
from e2e.engine.launch import failure
from e2e.engine.launch.config import EngineConfig, resolve
from e2e.engine.launch.memory import with_fitting_length
from e2e.engine.launch.settings import Settings, from_environment
from e2e.engine.launch.start import bind, start
from e2e.engine.lifecycle import serve, wait_headless
from e2e.engine.release import DEFAULT, OLDEST, Release

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `vllm` with *arguments* and return its exit code; argparse ends the process itself for a bad flag."""
    given = sys.argv[1:] if arguments is None else arguments
    release = Release.parse(os.environ.get("VLLM_VERSION") or DEFAULT)
    if release < OLDEST:
        log.raw([f"The stand-in engine plays vLLM from {OLDEST} on, not {release}."])
        return USAGE
    flags = parse(given, release=release)
    if flags.subparser != "serve" or flags.config is not None:
        log.raw(["The stand-in engine plays `vllm serve` only, and reads no `--config` file."])
        return USAGE
    settings = from_environment(os.environ)
    try:
        config = resolve(flags, release=release, settings=settings)
        return _serve(with_fitting_length(config, settings), settings)
    except failure.LaunchError as error:
        failure.report(error)
        return failure.FAILED


def _serve(config: EngineConfig, settings: Settings) -> int:
    if config.option("headless"):
        start(config, settings)
        return asyncio.run(wait_headless())
    with bind(config) as server_socket:
        memory = start(config, settings)
        return asyncio.run(serve(assemble(config, settings, memory), server_socket))
