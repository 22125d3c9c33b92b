from app.proto.controlplane.v1 import organization_pb2 as _organization_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UserServiceListMembershipsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UserServiceListMembershipsResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _containers.RepeatedCompositeFieldContainer[_organization_pb2.OrgMembershipItem]
    def __init__(self, result: _Optional[_Iterable[_Union[_organization_pb2.OrgMembershipItem, _Mapping]]] = ...) -> None: ...

class SetCurrentMembershipRequest(_message.Message):
    __slots__ = ("membership_id",)
    MEMBERSHIP_ID_FIELD_NUMBER: _ClassVar[int]
    membership_id: str
    def __init__(self, membership_id: _Optional[str] = ...) -> None: ...

class SetCurrentMembershipResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _organization_pb2.OrgMembershipItem
    def __init__(self, result: _Optional[_Union[_organization_pb2.OrgMembershipItem, _Mapping]] = ...) -> None: ...
