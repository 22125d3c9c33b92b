import datetime

from app.proto.controlplane.v1 import shared_pb2 as _shared_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class APITokenServiceCreateRequest(_message.Message):
    __slots__ = ("description", "expires_in", "name", "project_reference", "permissions")
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    description: str
    expires_in: _duration_pb2.Duration
    name: str
    project_reference: _shared_pb2.IdentityReference
    permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, description: _Optional[str] = ..., expires_in: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., name: _Optional[str] = ..., project_reference: _Optional[_Union[_shared_pb2.IdentityReference, _Mapping]] = ..., permissions: _Optional[_Iterable[str]] = ...) -> None: ...

class APITokenServiceCreateResponse(_message.Message):
    __slots__ = ("result",)
    class APITokenFull(_message.Message):
        __slots__ = ("item", "jwt")
        ITEM_FIELD_NUMBER: _ClassVar[int]
        JWT_FIELD_NUMBER: _ClassVar[int]
        item: APITokenItem
        jwt: str
        def __init__(self, item: _Optional[_Union[APITokenItem, _Mapping]] = ..., jwt: _Optional[str] = ...) -> None: ...
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: APITokenServiceCreateResponse.APITokenFull
    def __init__(self, result: _Optional[_Union[APITokenServiceCreateResponse.APITokenFull, _Mapping]] = ...) -> None: ...

class APITokenServiceListRequest(_message.Message):
    __slots__ = ("include_revoked", "scope", "project", "status_filter")
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCOPE_UNSPECIFIED: _ClassVar[APITokenServiceListRequest.Scope]
        SCOPE_PROJECT: _ClassVar[APITokenServiceListRequest.Scope]
        SCOPE_GLOBAL: _ClassVar[APITokenServiceListRequest.Scope]
    SCOPE_UNSPECIFIED: APITokenServiceListRequest.Scope
    SCOPE_PROJECT: APITokenServiceListRequest.Scope
    SCOPE_GLOBAL: APITokenServiceListRequest.Scope
    class StatusFilter(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_FILTER_ACTIVE: _ClassVar[APITokenServiceListRequest.StatusFilter]
        STATUS_FILTER_REVOKED: _ClassVar[APITokenServiceListRequest.StatusFilter]
        STATUS_FILTER_ALL: _ClassVar[APITokenServiceListRequest.StatusFilter]
    STATUS_FILTER_ACTIVE: APITokenServiceListRequest.StatusFilter
    STATUS_FILTER_REVOKED: APITokenServiceListRequest.StatusFilter
    STATUS_FILTER_ALL: APITokenServiceListRequest.StatusFilter
    INCLUDE_REVOKED_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FILTER_FIELD_NUMBER: _ClassVar[int]
    include_revoked: bool
    scope: APITokenServiceListRequest.Scope
    project: _shared_pb2.IdentityReference
    status_filter: APITokenServiceListRequest.StatusFilter
    def __init__(self, include_revoked: _Optional[bool] = ..., scope: _Optional[_Union[APITokenServiceListRequest.Scope, str]] = ..., project: _Optional[_Union[_shared_pb2.IdentityReference, _Mapping]] = ..., status_filter: _Optional[_Union[APITokenServiceListRequest.StatusFilter, str]] = ...) -> None: ...

class APITokenServiceListResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _containers.RepeatedCompositeFieldContainer[APITokenItem]
    def __init__(self, result: _Optional[_Iterable[_Union[APITokenItem, _Mapping]]] = ...) -> None: ...

class APITokenServiceRevokeRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class APITokenServiceRevokeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class APITokenItem(_message.Message):
    __slots__ = ("id", "description", "organization_id", "created_at", "revoked_at", "expires_at", "name", "organization_name", "scoped_entity", "last_used_at", "permissions", "parent_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_NAME_FIELD_NUMBER: _ClassVar[int]
    SCOPED_ENTITY_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    description: str
    organization_id: str
    created_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    name: str
    organization_name: str
    scoped_entity: _shared_pb2.ScopedEntity
    last_used_at: _timestamp_pb2.Timestamp
    permissions: _containers.RepeatedScalarFieldContainer[str]
    parent_id: str
    def __init__(self, id: _Optional[str] = ..., description: _Optional[str] = ..., organization_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., name: _Optional[str] = ..., organization_name: _Optional[str] = ..., scoped_entity: _Optional[_Union[_shared_pb2.ScopedEntity, _Mapping]] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., permissions: _Optional[_Iterable[str]] = ..., parent_id: _Optional[str] = ...) -> None: ...
