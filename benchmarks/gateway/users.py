"""Users who ask one question after the other, and heed `Retry-After` as the official clients do."""

import asyncio
import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field

from tests.envoy.envoy_process import LOOPBACK

from benchmarks.gateway.load import request

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)\r", re.IGNORECASE)
QUESTION = request("/v1/chat/completions", json.dumps({"model": "chat", "messages": []}).encode(), {})
SHED = "429"
UNCLEAN = "429 without a wait or an error in OpenAI's shape"
BROKEN = "broken connection"


@dataclass(slots=True)
class Outcomes:
    """What users met."""

    by_kind: Counter[str] = field(default_factory=Counter)
    """by_kind counts answers by status, `UNCLEAN` and `BROKEN`."""

    def unexpected(self) -> dict[str, int]:
        """Return what is neither an answer nor a clean refusal."""
        return {kind: count for kind, count in self.by_kind.items() if kind not in {"200", SHED}}


async def ask_for(port: int, *, users: int, seconds: float) -> Outcomes:
    """Return what *users* met who went on asking for *seconds*, and then waited for their last answer."""
    outcomes = Outcomes()
    until = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(_user(port, outcomes, until) for _ in range(users)))
    return outcomes


async def _user(port: int, outcomes: Outcomes, until: float) -> None:
    loop, chance = asyncio.get_running_loop(), random.Random()
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        while loop.time() < until:
            writer.write(QUESTION)
            kind, wait = await _answer(reader)
            outcomes.by_kind[kind] += 1
            await asyncio.sleep(wait * chance.uniform(1, 1.25))
    except (OSError, asyncio.IncompleteReadError):
        outcomes.by_kind[BROKEN] += 1
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Return what came, and after how many seconds to ask again."""
    head = await reader.readuntil(b"\r\n\r\n")
    length, wait = LENGTH.search(head), RETRY_AFTER.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    status = head[9:12].decode()
    if status != SHED:
        return status, 0
    is_clean = wait is not None and json.loads(body)["error"]["type"] == "rate_limit_error"
    return SHED if is_clean else UNCLEAN, int(wait[1]) if wait else 1
