import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MembershipRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBERSHIP_ROLE_UNSPECIFIED: _ClassVar[MembershipRole]
    MEMBERSHIP_ROLE_ORG_VIEWER: _ClassVar[MembershipRole]
    MEMBERSHIP_ROLE_ORG_ADMIN: _ClassVar[MembershipRole]
    MEMBERSHIP_ROLE_ORG_OWNER: _ClassVar[MembershipRole]
    MEMBERSHIP_ROLE_ORG_MEMBER: _ClassVar[MembershipRole]
    MEMBERSHIP_ROLE_ORG_CONTRIBUTOR: _ClassVar[MembershipRole]
MEMBERSHIP_ROLE_UNSPECIFIED: MembershipRole
MEMBERSHIP_ROLE_ORG_VIEWER: MembershipRole
MEMBERSHIP_ROLE_ORG_ADMIN: MembershipRole
MEMBERSHIP_ROLE_ORG_OWNER: MembershipRole
MEMBERSHIP_ROLE_ORG_MEMBER: MembershipRole
MEMBERSHIP_ROLE_ORG_CONTRIBUTOR: MembershipRole

class OrganizationServiceCreateRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class OrganizationServiceCreateResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: OrgItem
    def __init__(self, result: _Optional[_Union[OrgItem, _Mapping]] = ...) -> None: ...

class OrganizationServiceUpdateRequest(_message.Message):
    __slots__ = ("name", "block_on_policy_violation", "policies_allowed_hostnames", "update_policies_allowed_hostnames", "prevent_implicit_workflow_creation", "restrict_contract_creation_to_org_admins", "api_token_max_days_inactive", "enable_ai_agent_collector", "block_attestations_on_released_versions", "skip_runner_env_vars")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ON_POLICY_VIOLATION_FIELD_NUMBER: _ClassVar[int]
    POLICIES_ALLOWED_HOSTNAMES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_POLICIES_ALLOWED_HOSTNAMES_FIELD_NUMBER: _ClassVar[int]
    PREVENT_IMPLICIT_WORKFLOW_CREATION_FIELD_NUMBER: _ClassVar[int]
    RESTRICT_CONTRACT_CREATION_TO_ORG_ADMINS_FIELD_NUMBER: _ClassVar[int]
    API_TOKEN_MAX_DAYS_INACTIVE_FIELD_NUMBER: _ClassVar[int]
    ENABLE_AI_AGENT_COLLECTOR_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ATTESTATIONS_ON_RELEASED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SKIP_RUNNER_ENV_VARS_FIELD_NUMBER: _ClassVar[int]
    name: str
    block_on_policy_violation: bool
    policies_allowed_hostnames: _containers.RepeatedScalarFieldContainer[str]
    update_policies_allowed_hostnames: bool
    prevent_implicit_workflow_creation: bool
    restrict_contract_creation_to_org_admins: bool
    api_token_max_days_inactive: int
    enable_ai_agent_collector: bool
    block_attestations_on_released_versions: bool
    skip_runner_env_vars: bool
    def __init__(self, name: _Optional[str] = ..., block_on_policy_violation: _Optional[bool] = ..., policies_allowed_hostnames: _Optional[_Iterable[str]] = ..., update_policies_allowed_hostnames: _Optional[bool] = ..., prevent_implicit_workflow_creation: _Optional[bool] = ..., restrict_contract_creation_to_org_admins: _Optional[bool] = ..., api_token_max_days_inactive: _Optional[int] = ..., enable_ai_agent_collector: _Optional[bool] = ..., block_attestations_on_released_versions: _Optional[bool] = ..., skip_runner_env_vars: _Optional[bool] = ...) -> None: ...

class OrganizationServiceUpdateResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: OrgItem
    def __init__(self, result: _Optional[_Union[OrgItem, _Mapping]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("id", "email", "created_at", "first_name", "last_name", "updated_at", "instance_admin")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ADMIN_FIELD_NUMBER: _ClassVar[int]
    id: str
    email: str
    created_at: _timestamp_pb2.Timestamp
    first_name: str
    last_name: str
    updated_at: _timestamp_pb2.Timestamp
    instance_admin: bool
    def __init__(self, id: _Optional[str] = ..., email: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instance_admin: _Optional[bool] = ...) -> None: ...

class OrgMembershipItem(_message.Message):
    __slots__ = ("id", "org", "current", "created_at", "updated_at", "role", "user")
    ID_FIELD_NUMBER: _ClassVar[int]
    ORG_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    id: str
    org: OrgItem
    current: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    role: MembershipRole
    user: User
    def __init__(self, id: _Optional[str] = ..., org: _Optional[_Union[OrgItem, _Mapping]] = ..., current: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., role: _Optional[_Union[MembershipRole, str]] = ..., user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class OrgItem(_message.Message):
    __slots__ = ("id", "name", "created_at", "default_policy_violation_strategy", "policy_allowed_hostnames", "updated_at", "prevent_implicit_workflow_creation", "restrict_contract_creation_to_org_admins", "api_token_max_days_inactive", "enable_ai_agent_collector", "block_attestations_on_released_versions", "skip_runner_env_vars")
    class PolicyViolationBlockingStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        POLICY_VIOLATION_BLOCKING_STRATEGY_UNSPECIFIED: _ClassVar[OrgItem.PolicyViolationBlockingStrategy]
        POLICY_VIOLATION_BLOCKING_STRATEGY_BLOCK: _ClassVar[OrgItem.PolicyViolationBlockingStrategy]
        POLICY_VIOLATION_BLOCKING_STRATEGY_ADVISORY: _ClassVar[OrgItem.PolicyViolationBlockingStrategy]
    POLICY_VIOLATION_BLOCKING_STRATEGY_UNSPECIFIED: OrgItem.PolicyViolationBlockingStrategy
    POLICY_VIOLATION_BLOCKING_STRATEGY_BLOCK: OrgItem.PolicyViolationBlockingStrategy
    POLICY_VIOLATION_BLOCKING_STRATEGY_ADVISORY: OrgItem.PolicyViolationBlockingStrategy
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_POLICY_VIOLATION_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    POLICY_ALLOWED_HOSTNAMES_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    PREVENT_IMPLICIT_WORKFLOW_CREATION_FIELD_NUMBER: _ClassVar[int]
    RESTRICT_CONTRACT_CREATION_TO_ORG_ADMINS_FIELD_NUMBER: _ClassVar[int]
    API_TOKEN_MAX_DAYS_INACTIVE_FIELD_NUMBER: _ClassVar[int]
    ENABLE_AI_AGENT_COLLECTOR_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ATTESTATIONS_ON_RELEASED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SKIP_RUNNER_ENV_VARS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    created_at: _timestamp_pb2.Timestamp
    default_policy_violation_strategy: OrgItem.PolicyViolationBlockingStrategy
    policy_allowed_hostnames: _containers.RepeatedScalarFieldContainer[str]
    updated_at: _timestamp_pb2.Timestamp
    prevent_implicit_workflow_creation: bool
    restrict_contract_creation_to_org_admins: bool
    api_token_max_days_inactive: int
    enable_ai_agent_collector: bool
    block_attestations_on_released_versions: bool
    skip_runner_env_vars: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., default_policy_violation_strategy: _Optional[_Union[OrgItem.PolicyViolationBlockingStrategy, str]] = ..., policy_allowed_hostnames: _Optional[_Iterable[str]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., prevent_implicit_workflow_creation: _Optional[bool] = ..., restrict_contract_creation_to_org_admins: _Optional[bool] = ..., api_token_max_days_inactive: _Optional[int] = ..., enable_ai_agent_collector: _Optional[bool] = ..., block_attestations_on_released_versions: _Optional[bool] = ..., skip_runner_env_vars: _Optional[bool] = ...) -> None: ...
