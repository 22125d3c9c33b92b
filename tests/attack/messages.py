"""Strategies for protobuf messages, made from their descriptors, with the values that break programs."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_INT32, _INT64 = 2**31, 2**63
# An organization that the fuzzed server has.
ORGANIZATION = "fuzzed"
_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *("", "\x00", "a\x00b", "\u202e", "\U0010ffff", "x" * 5000, "é" * 100_000, "' OR 1=1 --"),
            *(ORGANIZATION, "web", "ci", "api_token:create", "organization:read", "../..", "%s%n", "{0}"),
            *("00000000-0000-0000-0000-000000000000", "{12345678-1234-5678-1234-567812345678}", "1" * 36),
            *("urn:uuid:12345678-1234-5678-1234-5678", "١" * 8 + "-1234-5678-1234-567812345678", "-" * 36),
        ]
    ),
)
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: (-_INT32, _INT32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-_INT64, _INT64 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2 * _INT32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2 * _INT64 - 1),
    # A name that the enumeration does not have goes over the wire all the same.
    FieldDescriptor.CPPTYPE_ENUM: (-_INT32, _INT32 - 1),
}


def messages(kind: Descriptor) -> st.SearchStrategy[Message]:
    """Any message of this kind: each field absent, ordinary or extreme."""
    fields = {field.name: _values(field) for field in kind.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: _build(kind, given))


def _build(kind: Descriptor, given: dict[str, Any]) -> Message:
    made: Message = GetMessageClass(kind)()
    for name, value in given.items():
        field = kind.fields_by_name[name]
        if field.is_repeated:
            getattr(made, name).extend(value)
        elif isinstance(value, Message):
            getattr(made, name).CopyFrom(value)
        else:
            setattr(made, name, value)
    return made


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    one = _one(field)
    return st.lists(one, max_size=3) | st.lists(one, min_size=300, max_size=300) if field.is_repeated else one


def _one(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type in _NUMBERS:
        low, high = _NUMBERS[field.cpp_type]
        return st.sampled_from([low, high, 0, 1, 2, 365, 366]) | st.integers(low, high)
    return _TEXTS
