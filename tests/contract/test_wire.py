"""The wire contract: our descriptors against the facts, written out by hand as (field, number, type, label).

A field that is missing, renumbered or of another type would still compile and still talk to our own server;
only the vendor's would not understand.
"""

import pytest
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

from app.proto.controlplane.v1 import (
    api_token_pb2,
    context_pb2,
    organization_pb2,
    shared_pb2,
    status_pb2,
    user_pb2,
)

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (api_token_pb2, context_pb2, organization_pb2, shared_pb2, status_pb2, user_pb2)
)
TIME = "google.protobuf.Timestamp"

# One line a field: name number type, then "optional" for explicit presence or "repeated".
MESSAGES = {
    "InfozRequest": "",
    "InfozResponse": """
        login_url 1 string
        version 2 string
        chart_version 3 string
        restricted_org_creation 4 bool
        ui_dashboard_url 5 string
        capabilities 1000 string repeated""",
    "StatuszRequest": "readiness 1 bool",
    "StatuszResponse": "",
    "ContextServiceCurrentRequest": "",
    "ContextServiceCurrentResponse": "result 1 .ContextServiceCurrentResponse.Result",
    "ContextServiceCurrentResponse.Result": """
        current_user 1 .User
        current_membership 2 .OrgMembershipItem
        current_cas_backend 3 .CASBackendItem""",
    "CASBackendItem": f"""
        id 1 string
        location 2 string
        description 3 string
        created_at 4 {TIME}
        validated_at 5 {TIME}
        validation_status 6 .CASBackendItem.ValidationStatus
        provider 7 string
        default 8 bool
        limits 9 .CASBackendItem.Limits
        is_inline 10 bool
        name 11 string
        validation_error 12 string optional
        updated_at 13 {TIME}
        fallback 14 bool
        is_managed 15 bool""",
    "CASBackendItem.Limits": "max_bytes 1 int64",
    "UserServiceListMembershipsRequest": "",
    "UserServiceListMembershipsResponse": "result 1 .OrgMembershipItem repeated",
    "SetCurrentMembershipRequest": "membership_id 1 string",
    "SetCurrentMembershipResponse": "result 1 .OrgMembershipItem",
    "OrganizationServiceCreateRequest": "name 1 string",
    "OrganizationServiceCreateResponse": "result 1 .OrgItem",
    "OrganizationServiceUpdateRequest": """
        name 1 string
        block_on_policy_violation 2 bool optional
        policies_allowed_hostnames 3 string repeated
        update_policies_allowed_hostnames 4 bool
        prevent_implicit_workflow_creation 5 bool optional
        restrict_contract_creation_to_org_admins 6 bool optional
        api_token_max_days_inactive 7 int32 optional
        enable_ai_agent_collector 8 bool optional
        block_attestations_on_released_versions 9 bool optional
        skip_runner_env_vars 10 bool optional""",
    "OrganizationServiceUpdateResponse": "result 1 .OrgItem",
    "APITokenServiceCreateRequest": """
        description 1 string optional
        expires_in 2 google.protobuf.Duration optional
        name 3 string
        project_reference 4 .IdentityReference
        permissions 1000 string repeated""",
    "APITokenServiceCreateResponse": "result 1 .APITokenServiceCreateResponse.APITokenFull",
    "APITokenServiceCreateResponse.APITokenFull": """
        item 1 .APITokenItem
        jwt 2 string""",
    "APITokenServiceListRequest": """
        include_revoked 1 bool
        scope 2 .APITokenServiceListRequest.Scope
        project 4 .IdentityReference
        status_filter 5 .APITokenServiceListRequest.StatusFilter""",
    "APITokenServiceListResponse": "result 1 .APITokenItem repeated",
    "APITokenServiceRevokeRequest": "id 1 string",
    "APITokenServiceRevokeResponse": "",
    "APITokenItem": f"""
        id 1 string
        description 2 string
        organization_id 3 string
        created_at 4 {TIME}
        revoked_at 5 {TIME}
        expires_at 6 {TIME}
        name 7 string
        organization_name 8 string
        scoped_entity 10 .ScopedEntity
        last_used_at 11 {TIME}
        permissions 1000 string repeated
        parent_id 1001 string""",
    "ScopedEntity": """
        type 1 string
        id 2 string
        name 3 string""",
    "IdentityReference": """
        id 1 string optional
        name 2 string optional""",
    "User": f"""
        id 1 string
        email 2 string
        created_at 3 {TIME}
        first_name 4 string
        last_name 5 string
        updated_at 6 {TIME}
        instance_admin 7 bool""",
    "OrgMembershipItem": f"""
        id 1 string
        org 2 .OrgItem
        current 3 bool
        created_at 4 {TIME}
        updated_at 5 {TIME}
        role 6 .MembershipRole
        user 7 .User""",
    "OrgItem": f"""
        id 1 string
        name 2 string
        created_at 3 {TIME}
        default_policy_violation_strategy 4 .OrgItem.PolicyViolationBlockingStrategy
        policy_allowed_hostnames 5 string repeated
        updated_at 6 {TIME}
        prevent_implicit_workflow_creation 7 bool
        restrict_contract_creation_to_org_admins 8 bool
        api_token_max_days_inactive 9 int32 optional
        enable_ai_agent_collector 10 bool
        block_attestations_on_released_versions 11 bool
        skip_runner_env_vars 12 bool""",
}

ENUMS = {
    "MembershipRole": {
        "MEMBERSHIP_ROLE_UNSPECIFIED": 0,
        "MEMBERSHIP_ROLE_ORG_VIEWER": 1,
        "MEMBERSHIP_ROLE_ORG_ADMIN": 2,
        "MEMBERSHIP_ROLE_ORG_OWNER": 3,
        "MEMBERSHIP_ROLE_ORG_MEMBER": 4,
        "MEMBERSHIP_ROLE_ORG_CONTRIBUTOR": 5,
    },
    "APITokenServiceListRequest.Scope": {"SCOPE_UNSPECIFIED": 0, "SCOPE_PROJECT": 1, "SCOPE_GLOBAL": 2},
    "APITokenServiceListRequest.StatusFilter": {
        "STATUS_FILTER_ACTIVE": 0,
        "STATUS_FILTER_REVOKED": 1,
        "STATUS_FILTER_ALL": 2,
    },
    "OrgItem.PolicyViolationBlockingStrategy": {
        "POLICY_VIOLATION_BLOCKING_STRATEGY_UNSPECIFIED": 0,
        "POLICY_VIOLATION_BLOCKING_STRATEGY_BLOCK": 1,
        "POLICY_VIOLATION_BLOCKING_STRATEGY_ADVISORY": 2,
    },
    "CASBackendItem.ValidationStatus": {
        "VALIDATION_STATUS_UNSPECIFIED": 0,
        "VALIDATION_STATUS_OK": 1,
        "VALIDATION_STATUS_INVALID": 2,
    },
}

METHODS = {
    "StatusService.Infoz": ("InfozRequest", "InfozResponse"),
    "StatusService.Statusz": ("StatuszRequest", "StatuszResponse"),
    "ContextService.Current": ("ContextServiceCurrentRequest", "ContextServiceCurrentResponse"),
    "UserService.ListMemberships": (
        "UserServiceListMembershipsRequest",
        "UserServiceListMembershipsResponse",
    ),
    "UserService.SetCurrentMembership": ("SetCurrentMembershipRequest", "SetCurrentMembershipResponse"),
    "OrganizationService.Create": ("OrganizationServiceCreateRequest", "OrganizationServiceCreateResponse"),
    "OrganizationService.Update": ("OrganizationServiceUpdateRequest", "OrganizationServiceUpdateResponse"),
    "APITokenService.Create": ("APITokenServiceCreateRequest", "APITokenServiceCreateResponse"),
    "APITokenService.List": ("APITokenServiceListRequest", "APITokenServiceListResponse"),
    "APITokenService.Revoke": ("APITokenServiceRevokeRequest", "APITokenServiceRevokeResponse"),
}

PACKAGE = "controlplane.v1"
KINDS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
}


def short(full_name: str) -> str:
    return full_name.removeprefix(f"{PACKAGE}.")


def kind(field: FieldDescriptor) -> str:
    target = field.message_type or field.enum_type
    if target is None:
        return KINDS.get(field.type, f"type {field.type}")
    name: str = target.full_name
    return f".{short(name)}" if name.startswith(PACKAGE) else name


def line(field: FieldDescriptor) -> str:
    # An explicitly optional field is the one member of a oneof that the compiler made.
    made = field.containing_oneof is not None
    label = " repeated" if field.is_repeated else " optional" if made else ""
    return f"{field.name} {field.number} {kind(field)}{label}"


def messages() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in FILES:
        waiting = list(file.message_types_by_name.values())
        while waiting:
            message = waiting.pop()
            waiting.extend(message.nested_types)
            found[short(message.full_name)] = sorted(line(field) for field in message.fields)
    return found


def enums() -> dict[str, dict[str, int]]:
    found: list[EnumDescriptor] = []
    for file in FILES:
        found.extend(file.enum_types_by_name.values())
        for message in file.message_types_by_name.values():
            found.extend(message.enum_types)
    return {short(e.full_name): {value.name: value.number for value in e.values} for e in found}


def methods() -> dict[str, MethodDescriptor]:
    services = [service for file in FILES for service in file.services_by_name.values()]
    return {f"{service.name}.{method.name}": method for service in services for method in service.methods}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_exactly_the_fields_of_the_protocol(name: str) -> None:
    assert messages()[name] == sorted(filter(None, (text.strip() for text in MESSAGES[name].splitlines())))


def test_there_are_no_other_messages_enums_or_methods() -> None:
    assert set(messages()) == set(MESSAGES)
    assert set(enums()) == set(ENUMS)
    assert set(methods()) == set(METHODS)


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_exactly_the_values_of_the_protocol(name: str) -> None:
    assert enums()[name] == ENUMS[name]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_and_gives_what_the_protocol_says(name: str) -> None:
    method = methods()[name]
    assert (method.input_type.name, method.output_type.name) == METHODS[name]
    assert not method.client_streaming
    assert not method.server_streaming


def test_extensions_of_our_own_are_numbered_from_1000_on() -> None:
    ours = {"capabilities", "permissions", "parent_id"}
    for name, lines in messages().items():
        for entry in lines:
            field, number = entry.split()[:2]
            assert (int(number) >= 1000) == (field in ours), (name, entry)


def test_every_file_is_in_the_vendors_package() -> None:
    assert {file.package for file in FILES} == {PACKAGE}
    assert all(file.name.startswith("controlplane/v1/") for file in FILES)
