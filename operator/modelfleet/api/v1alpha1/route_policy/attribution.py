"""`spec.attribution`: what requests say about themselves."""

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule
from modelfleet.api.v1alpha1.headers import RequestHeader


class Attribution(ApiModel):
    """Headers of clients whose values go into logs and traces."""

    validations = (
        Rule(
            cel="has(self.featureHeader) || has(self.promptVersionHeader)",
            holds=lambda a: a.feature_header is not None or a.prompt_version_header is not None,
            message="at least one of `featureHeader` and `promptVersionHeader` must be set",
        ),
    )

    feature_header: RequestHeader | None = None
    """featureHeader is the header that names the feature a request belongs to."""
    prompt_version_header: RequestHeader | None = None
    """promptVersionHeader is the header that names the version of its prompt."""
