"""
Messages as bytes that are the same in every process.

Protobuf writes the entries of a map in an order that differs from one process to the next unless it is asked not to,
and nobody can ask it for the inside of an Any, which it serialises while it reads JSON (measured with protobuf 7.36:
four processes gave four results). Versions are hashes of these bytes, so each Any is written anew, innermost first.
"""

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

Types = Callable[[str], type[Message]]
ANY = "google.protobuf.Any"


def serialized(message: Message, types: Types) -> bytes:
    """Return the bytes of *message*, which is changed in place; *types* finds the class of what an Any holds."""
    _settle(message, types)
    return message.SerializeToString(deterministic=True)


def _settle(message: Any, types: Types) -> None:
    if message.DESCRIPTOR.full_name == ANY:
        if message.type_url:
            inner = types(message.type_url.rpartition("/")[2]).FromString(message.value)
            message.value = serialized(inner, types)
        return
    for field, value in message.ListFields():
        for child in _messages(field, value):
            _settle(child, types)


def _messages(field: FieldDescriptor, value: Any) -> Iterator[Message]:
    """Yield the messages that *value*, the content of *field*, holds."""
    kind = field.message_type
    if kind is None:
        return
    if kind.GetOptions().map_entry:
        yield from value.values() if kind.fields_by_name["value"].message_type is not None else ()
    elif field.is_repeated:
        yield from value
    else:
        yield value
