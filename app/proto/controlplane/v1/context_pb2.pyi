from app.proto.controlplane.v1 import organization_pb2 as _organization_pb2
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
        __slots__ = ("current_user", "current_membership")
        CURRENT_USER_FIELD_NUMBER: _ClassVar[int]
        CURRENT_MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
        current_user: _organization_pb2.User
        current_membership: _organization_pb2.OrgMembershipItem
        def __init__(self, current_user: _Optional[_Union[_organization_pb2.User, _Mapping]] = ..., current_membership: _Optional[_Union[_organization_pb2.OrgMembershipItem, _Mapping]] = ...) -> None: ...
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: ContextServiceCurrentResponse.Result
    def __init__(self, result: _Optional[_Union[ContextServiceCurrentResponse.Result, _Mapping]] = ...) -> None: ...
