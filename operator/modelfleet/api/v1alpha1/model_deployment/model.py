"""`spec.model`: which weights, under which names."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.patterns import matches
from modelfleet.api.schema.rules import Checked, Rule, each, fields
from modelfleet.api.schema.types import Int, ListOf, ObjectName, text
from modelfleet.api.v1alpha1.architecture import Architecture

HUGGING_FACE = r"^hf://[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$"
BUCKET = r"^(s3|gs)://[a-z0-9][a-z0-9._-]+(/[A-Za-z0-9!_.*'()=+@,:-]+)*/?$"
OCI = r"^oci://[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?$"
CLAIM = r"^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[A-Za-z0-9_.-]+)*/?$"

SCHEMES = ("hf", "s3", "gs", "oci", "pvc")


def _matches(*patterns: str) -> Callable[[str], bool]:
    return lambda value: any(matches(pattern, value) for pattern in patterns) and ".." not in value


def _cel_matches(*patterns: str) -> str:
    quoted = [pattern.replace("\\", "\\\\").replace("'", "\\'") for pattern in patterns]
    return "(" + " || ".join(f"self.matches('{pattern}')" for pattern in quoted) + ") && !self.contains('..')"


SOURCE_RULE = Rule(
    cel=_cel_matches(HUGGING_FACE, BUCKET, OCI, CLAIM),
    holds=_matches(HUGGING_FACE, BUCKET, OCI, CLAIM),
    message=(
        "must be one of hf://<organisation>/<model>, s3://<bucket>/<path>, gs://<bucket>/<path>, "
        "oci://<registry>/<image>:<tag> or pvc://<claim>/<path>, and must not contain '..'"
    ),
)
ADAPTER_SOURCE_RULE = Rule(
    cel=_cel_matches(HUGGING_FACE, OCI, CLAIM),
    holds=_matches(HUGGING_FACE, OCI, CLAIM),
    message=(
        "must be one of hf://<organisation>/<adapter>, oci://<registry>/<image>:<tag> or pvc://<claim>/<path>; "
        "vLLM does not load adapters from buckets"
    ),
)

ServedName = Annotated[str, text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", at_most=128)]


def scheme_of(source: str) -> str:
    """Return `hf`, `s3`, `gs`, `oci` or `pvc`."""
    return source.partition("://")[0]


def path_of(source: str) -> str:
    """Return what follows the scheme, without a trailing slash."""
    return source.partition("://")[2].rstrip("/")


class SecretKeyRef(ApiModel):
    """One key of a Secret in the same namespace."""

    name: ObjectName
    """name is the Secret's name."""
    key: Annotated[str, text(pattern=r"^[-._a-zA-Z0-9]+$")] = "token"
    """key is the entry of the Secret's data. Defaults to `token`."""


class Adapter(ApiModel):
    """A LoRA adapter, requested by its own name."""

    name: ServedName
    """name is what clients send as `model`."""
    source: Annotated[str, text(at_most=512), Checked((ADAPTER_SOURCE_RULE,))]
    """source is where the adapter's weights are: hf://, oci:// or pvc://."""
    rank: Annotated[Int, Field(ge=1, le=512)] | None = None
    """rank is the adapter's LoRA rank; the engine reserves the next rank vLLM supports for all of them. Absent means 16."""


class Model(ApiModel):
    """Which weights are served, and under which names."""

    validations = (
        Rule(
            cel="!has(self.revision) || self.source.startsWith('hf://')",
            holds=lambda m: m.revision is None or m.source.startswith("hf://"),
            message="`revision` must be absent unless `source` is hf://; elsewhere the source names the version itself",
            found=fields("revision", "source"),
        ),
        Rule(
            cel="!has(self.tokenSecretRef) || self.source.startsWith('hf://') "
            "|| (has(self.adapters) && self.adapters.exists(a, a.source.startsWith('hf://')))",
            holds=lambda m: (
                m.token_secret_ref is None
                or any(source.startswith("hf://") for source in (m.source, *(a.source for a in m.adapters)))
            ),
            message="`tokenSecretRef` must be absent unless `source` or an adapter is hf://; give other credentials with `pod.envFrom`",
            found=fields("source"),
        ),
        Rule(
            cel="!has(self.adapters) || !has(self.servedNames) || self.adapters.all(a, !(a.name in self.servedNames))",
            holds=lambda m: not {a.name for a in m.adapters} & set(m.served_names),
            message="`adapters[].name` must differ from every name in `servedNames`: they share one name space",
            found=each(
                "self.adapters.filter(a, a.name in self.servedNames).map(a, a.name)",
                lambda m: [a.name for a in m.adapters if a.name in m.served_names],
            ),
        ),
    )

    source: Annotated[str, text(at_most=512), Checked((SOURCE_RULE,))]
    """source is where the weights are: hf://organisation/model, s3://bucket/path, gs://bucket/path, oci://registry/image:tag (an image volume) or pvc://claim/path."""
    revision: Annotated[str, text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", at_most=128)] | None = None
    """revision is the branch, tag or commit of an hf:// source. Absent means `main`, which may change under a running fleet."""
    served_names: Annotated[tuple[ServedName, ...], ListOf(16, as_set=True)] = ()
    """servedNames are the values of `model` in requests. Absent means the object's name. `<namespace>/<name>` always works too."""
    token_secret_ref: SecretKeyRef | None = None
    """tokenSecretRef names the Hugging Face token. It is given to the pod; the operator never reads it."""
    adapters: Annotated[tuple[Adapter, ...], ListOf(64, keys=("name",))] = ()
    """adapters are LoRA adapters served beside the model, each under its own name."""
    architecture: Architecture | None = None
    """architecture describes a model outside the built-in catalogue, so that its fit can be checked."""
