import datetime

from app.proto.controlplane.v1 import organization_pb2 as _organization_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContextServiceCurrentRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ContextServiceCurrentResponse(_message.Message):
    __slots__ = ("result",)
    class Result(_message.Message):
        __slots__ = ("current_user", "current_membership", "current_cas_backend")
        CURRENT_USER_FIELD_NUMBER: _ClassVar[int]
        CURRENT_MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
        CURRENT_CAS_BACKEND_FIELD_NUMBER: _ClassVar[int]
        current_user: _organization_pb2.User
        current_membership: _organization_pb2.OrgMembershipItem
        current_cas_backend: CASBackendItem
        def __init__(self, current_user: _Optional[_Union[_organization_pb2.User, _Mapping]] = ..., current_membership: _Optional[_Union[_organization_pb2.OrgMembershipItem, _Mapping]] = ..., current_cas_backend: _Optional[_Union[CASBackendItem, _Mapping]] = ...) -> None: ...
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: ContextServiceCurrentResponse.Result
    def __init__(self, result: _Optional[_Union[ContextServiceCurrentResponse.Result, _Mapping]] = ...) -> None: ...

class CASBackendItem(_message.Message):
    __slots__ = ("id", "location", "description", "created_at", "validated_at", "validation_status", "provider", "default", "limits", "is_inline", "name", "validation_error", "updated_at", "fallback", "is_managed")
    class ValidationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VALIDATION_STATUS_UNSPECIFIED: _ClassVar[CASBackendItem.ValidationStatus]
        VALIDATION_STATUS_OK: _ClassVar[CASBackendItem.ValidationStatus]
        VALIDATION_STATUS_INVALID: _ClassVar[CASBackendItem.ValidationStatus]
    VALIDATION_STATUS_UNSPECIFIED: CASBackendItem.ValidationStatus
    VALIDATION_STATUS_OK: CASBackendItem.ValidationStatus
    VALIDATION_STATUS_INVALID: CASBackendItem.ValidationStatus
    class Limits(_message.Message):
        __slots__ = ("max_bytes",)
        MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
        max_bytes: int
        def __init__(self, max_bytes: _Optional[int] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    VALIDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_STATUS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    IS_INLINE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    IS_MANAGED_FIELD_NUMBER: _ClassVar[int]
    id: str
    location: str
    description: str
    created_at: _timestamp_pb2.Timestamp
    validated_at: _timestamp_pb2.Timestamp
    validation_status: CASBackendItem.ValidationStatus
    provider: str
    default: bool
    limits: CASBackendItem.Limits
    is_inline: bool
    name: str
    validation_error: str
    updated_at: _timestamp_pb2.Timestamp
    fallback: bool
    is_managed: bool
    def __init__(self, id: _Optional[str] = ..., location: _Optional[str] = ..., description: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., validated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., validation_status: _Optional[_Union[CASBackendItem.ValidationStatus, str]] = ..., provider: _Optional[str] = ..., default: _Optional[bool] = ..., limits: _Optional[_Union[CASBackendItem.Limits, _Mapping]] = ..., is_inline: _Optional[bool] = ..., name: _Optional[str] = ..., validation_error: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fallback: _Optional[bool] = ..., is_managed: _Optional[bool] = ...) -> None: ...
