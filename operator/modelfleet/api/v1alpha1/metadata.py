"""What the operator reads of an object's metadata, and how every name of ours must look."""

from datetime import datetime

from pydantic import Field

from modelfleet.api.names import MAX_NAME_LENGTH
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields


class ObjectMeta(ApiModel):
    """The part of Kubernetes' ObjectMeta that decisions may look at."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


def _is_short_dns_1035_label(name: str) -> bool:
    starts_with_letter = name[:1].isascii() and name[:1].islower()
    rest_is_allowed = all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in name)
    return len(name) <= MAX_NAME_LENGTH and starts_with_letter and rest_is_allowed and not name.endswith("-")


NAME_RULE = Rule(
    cel=f"self.metadata.name.size() <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    holds=lambda kind: _is_short_dns_1035_label(kind.metadata.name),
    message=(
        f"`metadata.name` must be at most {MAX_NAME_LENGTH} characters: a lower-case letter, then letters, digits or '-', "
        "not ending in '-'; the names of pods and Services are made from it"
    ),
    found=fields("metadata.name"),
)
