"""The base of every type a user writes."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ModelWrapValidatorHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from modelfleet.api.schema.rules import Rule, broken, rule_error


class ApiModel(BaseModel):
    """
    A frozen value with camelCase names on the wire, documented field by field.

    Reading is tolerant: unknown fields are ignored, since a newer CRD may have more than this
    version knows. Pass `extra="forbid"` to `model_validate` to lint. A null means "absent", as it
    does for the API server. `validations` hold across fields and become CEL in the CRD.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    validations: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _apply_rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Drop nulls before the fields are read; check `validations` once they were."""
        if isinstance(data, dict):
            data = {key: value for key, value in data.items() if value is not None}
        value = handler(data)
        if messages := broken(cls.validations, value):
            raise rule_error(messages)
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put the CEL of `validations` on the object's schema."""
        result = handler(schema)
        if cls.validations:
            validations = [rule.as_validation() for rule in cls.validations]
            handler.resolve_ref_schema(result)["x-kubernetes-validations"] = validations
        return result
