"""
The paths of the OpenAI and Anthropic APIs that the gateway serves; there are no others.

Everything else that an engine answers (`/metrics`, `/sleep`, `/v1/load_lora_adapter`, `/invocations`, `/health`, …) is
404 at the gateway. `/tokenize` and `/detokenize` are served: they take a model, cost no GPU and change nothing.
"""

from dataclasses import dataclass
from enum import StrEnum


class Api(StrEnum):
    """Whose shape an error has."""

    OPENAI = "OpenAI"
    ANTHROPIC = "Anthropic"


class ModelIn(StrEnum):
    """Where a request says which model it wants."""

    JSON = "json"
    """The field `model` of a JSON object."""
    MULTIPART = "multipart"
    """The field `model` of a form, `multipart/form-data`."""
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Path:
    """One thing that clients may ask for."""

    method: str
    path: str
    model_in: ModelIn = ModelIn.JSON
    api: Api = Api.OPENAI
    generates: bool = False
    """generates says that the request may reserve tokens: it has a maximum of them."""


PATHS = (
    Path("GET", "/v1/models", ModelIn.NOWHERE),
    # and `/v1/models/{name}`, see ONE_MODEL_PREFIX
    Path("POST", "/v1/chat/completions", generates=True),
    Path("POST", "/v1/completions", generates=True),
    Path("POST", "/v1/responses", generates=True),
    Path("POST", "/v1/messages", api=Api.ANTHROPIC, generates=True),
    Path("POST", "/v1/messages/count_tokens", api=Api.ANTHROPIC),
    Path("POST", "/v1/embeddings"),
    Path("POST", "/v1/rerank"),
    Path("POST", "/v2/rerank"),
    Path("POST", "/rerank"),
    Path("POST", "/v1/score"),
    Path("POST", "/score"),
    Path("POST", "/pooling"),
    Path("POST", "/classify"),
    Path("POST", "/tokenize"),
    Path("POST", "/detokenize"),
    Path("POST", "/v1/audio/transcriptions", ModelIn.MULTIPART),
    Path("POST", "/v1/audio/translations", ModelIn.MULTIPART),
)

ONE_MODEL_PREFIX = "/v1/models/"
"""What follows, with GET alone, is the name of a model to tell about; slashes in it may be encoded."""
ANTHROPIC_PREFIX = "/v1/messages"
"""Every path of Anthropic's API begins like this, and no other does."""
