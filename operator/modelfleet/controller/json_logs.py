"""Logs as JSON, one object a line, on standard error."""

import logging
import sys
from typing import Any, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

FIELDS = "%(levelname)s %(name)s %(message)s"
NAMES = {"levelname": "level", "name": "logger", "exc_info": "exception", "k8s_ref": "object"}
KOPF_INTERNALS = ["settings", "k8s_skip", "taskName"]
"""What kopf attaches to records for itself."""
QUIET_LOGGERS = ("aiohttp.access", "asyncio", "httpx", "kopf.objects")
"""They tell every request, callback or event at INFO or below."""


class Formatter(JsonFormatter):
    """One line per record: time, level, logger, message, then what the caller attached."""

    def __init__(self) -> None:
        super().__init__(
            FIELDS,
            rename_fields=NAMES,
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, *KOPF_INTERNALS],
            json_ensure_ascii=False,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return the record with its time and level first."""
        first = {key: log_data.pop(key) for key in ("time", "level") if key in log_data}
        return first | log_data


def configure(level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send all records from *level* up, and Python's warnings, to *stream*; replaces earlier handlers."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
