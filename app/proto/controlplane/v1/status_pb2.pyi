from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class InfozRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InfozResponse(_message.Message):
    __slots__ = ("login_url", "version", "chart_version", "restricted_org_creation", "ui_dashboard_url", "capabilities")
    LOGIN_URL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHART_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_ORG_CREATION_FIELD_NUMBER: _ClassVar[int]
    UI_DASHBOARD_URL_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    login_url: str
    version: str
    chart_version: str
    restricted_org_creation: bool
    ui_dashboard_url: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, login_url: _Optional[str] = ..., version: _Optional[str] = ..., chart_version: _Optional[str] = ..., restricted_org_creation: _Optional[bool] = ..., ui_dashboard_url: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class StatuszRequest(_message.Message):
    __slots__ = ("readiness",)
    READINESS_FIELD_NUMBER: _ClassVar[int]
    readiness: bool
    def __init__(self, readiness: _Optional[bool] = ...) -> None: ...

class StatuszResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
