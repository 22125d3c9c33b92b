"""What the standards ask of an authorization server, section by section, and the tests that show it.

An entry names tests as `file::test`, or says "does not apply, because …". Most sections were tested before
these attacks were written; they are only listed here.
"""

from collections.abc import Mapping

DOES_NOT_APPLY = "does not apply, because "
_ATTACK, _SERVER, _OAUTH = "tests/attack", "tests/integration/server", "tests/integration/server_oauth"
_CODE, _IN, _JWT = f"{_ATTACK}/test_code_flow.py", f"{_ATTACK}/test_sign_in.py", f"{_ATTACK}/test_tokens.py"
_HTTP, _RPC = f"{_ATTACK}/test_http_requests.py", f"{_ATTACK}/test_rpc_requests.py"
_AUTHORIZE, _TOKEN = f"{_OAUTH}/test_authorize.py", f"{_OAUTH}/test_token.py"
_REFRESH, _CLIENTS, _RULES = (
    *(f"{_OAUTH}/test_refresh.py", f"{_OAUTH}/test_clients.py"),
    "tests/unit/server/test_grants.py",
)
_LOGIN, _SSO = f"{_SERVER}/test_login.py", "tests/integration/sso/test_refusals.py"
_PUBLIC = f"{_OAUTH}/test_public_url.py"

CHECKLIST: Mapping[str, tuple[str, ...] | str] = {
    "RFC 6749 §3.1 a parameter once": (
        f"{_AUTHORIZE}::test_rfc6749_3_1_a_parameter_may_come_once_only",
        f"{_TOKEN}::test_rfc6749_3_2_parameters_in_the_query_do_not_count",
        f"{_HTTP}::test_rfc6749_3_2_ten_thousand_parameters_are_refused_in_time",
    ),
    "RFC 6749 §3.1.2.3 redirect matching": (
        f"{_CODE}::test_rfc6749_3_1_2_3_a_registered_web_address_has_no_second_spelling",
        f"{_AUTHORIZE}::test_rfc6749_4_1_2_1_unknown_client_or_redirect_is_a_page_and_never_a_redirect",
    ),
    "RFC 6749 §4.1.2, §10.5 replay of a code": (
        f"{_CODE}::test_rfc6749_10_5_a_code_that_is_used_again_ends_what_it_gave",
        f"{_TOKEN}::test_rfc6749_4_1_2_a_second_use_of_a_code_ends_what_the_first_gave",
        f"{_TOKEN}::test_a_code_is_of_no_use_after_60_seconds",
        f"{_OAUTH}/test_postgres.py::test_twenty_uses_of_one_code_at_once_give_tokens_once_and_then_end_them",
    ),
    "RFC 6749 §5.2 malformed requests": (
        f"{_TOKEN}::test_rfc6749_5_2_a_malformed_request_is_400_with_an_error",
        f"{_OAUTH}/test_hostile.py::test_any_bytes",
    ),
    "RFC 6749 §6 refresh": (
        f"{_REFRESH}::test_rfc6749_6_a_narrower_scope_is_given_and_a_wider_one_refused",
        f"{_REFRESH}::test_only_a_refresh_token_refreshes",
    ),
    "RFC 6749 §10.3 tokens at rest and on the way": (
        f"{_TOKEN}::test_codes_and_tokens_are_stored_as_hashes",
        f"{_PUBLIC}::test_plain_http_on_other_machines_gets_no_tokens",
    ),
    "RFC 6749 §10.10 guessing": (
        f"{_IN}::test_rfc6749_10_10_guessing_is_stopped_alike_for_people_that_there_are_and_are_not",
        f"{_LOGIN}::test_an_address_is_limited_across_accounts_and_seen_through_the_proxy",
        f"{_LOGIN}::test_attempts_at_the_same_time_all_count",
        f"{_RULES}::test_secrets_have_256_bits_and_never_repeat",
    ),
    "RFC 6749 §10.10 timing of comparisons": (
        f"{_ATTACK}/test_comparisons.py"
        "::test_rfc6749_10_10_secrets_are_looked_up_by_hash_or_compared_in_constant_time",
        f"{_IN}::test_rfc6750_3_a_shared_secret_is_compared_whole",
    ),
    "RFC 6749 §10.12 CSRF, login CSRF": (
        f"{_IN}::test_rfc6749_10_12_a_form_of_another_site_signs_nobody_in",
        f"{_AUTHORIZE}::test_consent_needs_the_token_of_the_form",
        "tests/integration/sso/test_sign_in.py::test_another_site_cannot_start_it",
    ),
    "RFC 6749 §10.13, RFC 9700 §4.16 clickjacking": (f"{_IN}::test_rfc9700_4_16_no_page_can_be_framed",),
    "RFC 6749 §10.15, RFC 9700 §4.11 open redirect": (
        f"{_CODE}::test_rfc9700_4_11_1_after_a_sign_in_no_other_site_follows",
        f"{_LOGIN}::test_a_callback_that_leads_elsewhere_is_refused",
        "tests/unit/server/test_pages.py::test_after_sign_in_nothing_but_our_own_pages_follows",
        f"{_OAUTH}/test_slashes.py::test_a_path_with_more_slashes_leads_nowhere_else",
    ),
    "RFC 6750 §3.1 what a challenge names": (
        f"{_OAUTH}/test_challenges.py::test_rfc6750_3_1_without_a_token_no_error_is_named",
        f"{_OAUTH}/test_challenges.py::test_rfc6750_3_1_a_token_that_does_not_work_is_invalid",
    ),
    "RFC 6750 §3.1 scope of a token": (
        f"{_CLIENTS}::test_rfc6750_3_1_userinfo_needs_a_token_with_its_scope",
        f"{_OAUTH}/test_api.py::test_a_token_needs_the_scope_of_the_api",
    ),
    "RFC 7009 §2.1, §2.2 revocation": (
        f"{_CODE}::test_rfc7009_2_2_revoking_tells_nothing_of_tokens_and_touches_no_others",
        f"{_CLIENTS}::test_rfc7009_2_2_an_unknown_token_is_no_error",
        f"{_CLIENTS}::test_rfc7009_2_1_another_clients_token_stays",
        f"{_CLIENTS}::test_rfc7009_2_1_a_public_client_ends_all_with_its_refresh_token",
    ),
    "RFC 7636 §4.4.1, RFC 9700 §4.8.2 PKCE downgrade": (
        f"{_CODE}::test_rfc9700_4_8_2_pkce_cannot_be_left_out_or_made_weaker",
        f"{_AUTHORIZE}::test_rfc7636_4_4_1_a_missing_method_counts_as_plain_and_is_refused",
    ),
    "RFC 8252 §7.3 loopback redirects": (
        f"{_RULES}::test_rfc8252_7_3_every_port_of_a_loopback_redirect_matches",
        f"{_AUTHORIZE}::test_rfc8252_7_3_any_port_of_the_loopback_redirect_is_taken",
    ),
    "RFC 8252 §8.3 localhost is a name": (f"{_RULES}::test_rfc9700_4_1_3_everything_else_must_be_exact",),
    "RFC 8252 §8.6 consent every time": (
        f"{_AUTHORIZE}::test_consent_counts_for_the_account_that_the_page_named",
    ),
    "RFC 8414 §2 metadata": (
        f"{_CLIENTS}::test_rfc8414_2_the_metadata_is_valid_and_says_what_is_true",
        f"{_PUBLIC}::test_behind_a_proxy_the_public_address_counts",
    ),
    "RFC 8725 §3.1 algorithms": (
        f"{_JWT}::test_rfc8725_3_a_bent_header_opens_nothing",
        f"{_JWT}::test_rfc8725_3_1_another_hash_with_the_right_key_is_refused",
        f"{_SSO}::test_a_token_that_the_client_could_have_made_is_refused",
        "tests/unit/oidc/test_verify.py::test_the_public_key_is_never_taken_for_a_shared_secret",
    ),
    "RFC 8725 §3.4 size and shape": (
        f"{_JWT}::test_rfc8725_3_4_what_is_no_token_is_refused",
        "tests/unit/oidc/test_verify.py::test_size_and_depth_are_limited",
    ),
    "RFC 8725 §3.5 strength of keys": (
        f"{_JWT}::test_rfc8725_3_5_the_key_has_as_many_bits_as_the_hash",
        "tests/unit/oidc/test_verify.py::test_small_huge_foreign_and_broken_keys_are_not_used",
    ),
    "RFC 8725 §3.8, §3.9 issuer and audience": (
        f"{_JWT}::test_rfc8725_3_a_good_signature_over_wrong_claims_opens_nothing",
        f"{_JWT}::test_rfc8725_2_8_tokens_of_one_kind_open_no_door_of_another",
        f"{_SSO}::test_an_id_token_is_refused",
    ),
    "RFC 8725 §3.10 kid, jku, x5u": (
        f"{_JWT}::test_rfc8725_3_10_a_key_that_the_token_brings_itself_is_not_used",
        "tests/integration/keyless/test_rpc.py::test_made_up_key_ids_do_not_make_the_server_ask_again",
    ),
    "RFC 8725 §3.11 explicit types": DOES_NOT_APPLY
    + "the kinds of tokens have audiences of their own, and each names a row of its own table",
    "RFC 8725 §3.6 compression": DOES_NOT_APPLY + "no encrypted token is read, and only those are compressed",
    "RFC 9106 §4 passwords": (
        f"{_ATTACK}/test_comparisons.py::test_rfc9106_passwords_are_hashed_with_argon2id",
    ),
    "RFC 9110 §15.5, RFC 6585 §5 sizes": (
        f"{_HTTP}::test_rfc9112_a_request_that_could_be_read_in_two_ways_is_refused",
        f"{_LOGIN}::test_a_body_that_is_too_large_is_refused",
    ),
    "RFC 9112 §11.2 request smuggling": (
        f"{_HTTP}::test_rfc9112_a_request_that_could_be_read_in_two_ways_is_refused",
        f"{_HTTP}::test_rfc9112_11_2_what_is_left_of_a_body_is_no_request",
    ),
    "RFC 9113 §10.5 streams, resets, bombs": (
        f"{_RPC}::test_rfc9113_10_5_streams_are_counted",
        f"{_RPC}::test_rfc9113_10_5_thousands_of_calls_that_are_taken_back_at_once_do_no_harm",
        f"{_RPC}::test_rfc9113_10_5_1_a_message_is_measured_as_it_is_unpacked",
        f"{_RPC}::test_rfc9113_10_5_1_metadata_is_limited",
    ),
    "RFC 4732 §3 slow clients": (
        f"{_HTTP}::test_rfc4732_fifty_half_sent_requests_delay_nobody",
        f"{_HTTP}::test_rfc4732_a_request_that_drips_is_given_up",
        f"{_HTTP}::test_rfc4732_a_client_that_does_not_read_holds_no_worker",
        f"{_RPC}::test_rfc4732_calls_that_are_begun_and_left_delay_nobody",
        f"{_ATTACK}/test_tls.py::test_rfc4732_half_a_handshake_and_half_a_request_delay_nobody",
    ),
    "RFC 9207 §2, RFC 9700 §4.4 mix-up": (
        f"{_CODE}::test_rfc9700_4_4_mix_up_every_answer_names_this_server",
        f"{_SSO}::test_an_answer_in_the_name_of_another_provider_is_refused",
    ),
    "RFC 9700 §2.1.2 implicit grant": (
        f"{_CODE}::test_rfc9700_2_4_and_2_1_2_neither_passwords_nor_tokens_from_the_front",
    ),
    "RFC 9700 §2.4 password grant": (f"{_TOKEN}::test_rfc6749_5_2_other_grants_are_not_supported",),
    "RFC 9700 §2.2.1 sender-constrained tokens": DOES_NOT_APPLY
    + "the programs that this server serves send bearer tokens, and the standard says SHOULD",
    "RFC 9700 §4.1.3 redirect matching": (
        f"{_CODE}::test_rfc9700_4_1_3_a_redirect_is_compared_and_never_interpreted",
    ),
    "RFC 9700 §4.2.4 leaks by Referer": (
        f"{_CODE}::test_rfc9700_4_2_4_no_address_goes_to_another_site_in_a_referer",
        f"{_LOGIN}::test_every_answer_carries_the_headers",
    ),
    "RFC 9700 §4.3.1 leaks by the browser's history": (
        f"{_CODE}::test_rfc9700_4_3_1_a_code_comes_in_the_query_whatever_is_asked",
    ),
    "RFC 9700 §4.5 code injection": (
        f"{_CODE}::test_rfc9700_4_5_a_stolen_code_is_of_no_use_in_another_sign_in",
        f"{_TOKEN}::test_rfc6749_4_1_3_and_rfc7636_4_6_a_code_is_bound_to_client_redirect_and_verifier",
    ),
    "RFC 9700 §4.7 state of this server's own sign-ins": (
        f"{_SSO}::test_an_answer_counts_in_the_browser_that_asked",
        f"{_SSO}::test_a_state_that_is_none_of_ours_is_refused",
    ),
    "RFC 9700 §4.12 307 redirects": (f"{_CODE}::test_rfc9700_4_12_no_form_is_sent_on_to_the_program",),
    "RFC 9700 §4.13 headers of a proxy": (
        f"{_HTTP}::test_rfc9700_4_13_only_the_proxys_own_header_counts",
        f"{_LOGIN}::test_an_untrusted_peer_cannot_choose_its_address",
    ),
    "RFC 9700 §4.14 refresh tokens": (
        f"{_REFRESH}::test_rfc9700_4_14_2_reuse_after_ten_seconds_ends_the_family",
        f"{_CODE}::test_rfc9700_4_14_2_a_stolen_refresh_token_works_for_its_own_client_only",
    ),
    "RFC 9700 §4.15 clients that look like people": DOES_NOT_APPLY
    + "no client gets a token for itself: there is no client credentials grant",
    "RFC 6265bis §4.1.3.2, §8.4 cookies": (
        f"{_IN}::test_rfc6265bis_4_1_3_2_behind_tls_the_cookie_is_bound_to_this_host",
        f"{_IN}::test_rfc6265bis_8_4_a_cookie_from_before_the_sign_in_is_worth_nothing_after_it",
        f"{_OAUTH}/test_sign_in.py::test_the_cookie_is_http_only_lax_and_changes_at_sign_in",
    ),
    "OWASP user enumeration": (
        f"{_IN}::test_owasp_an_unknown_person_gets_the_same_answer_as_a_known_one",
        f"{_IN}::test_owasp_an_unknown_person_costs_the_same_hash",
        f"{_IN}::test_owasp_an_unknown_person_costs_as_many_writes",
    ),
    "RFC 8259 §9 JSON bombs": (f"{_HTTP}::test_rfc8259_9_json_that_is_nested_without_end_is_refused",),
    "gRPC status codes": (
        f"{_RPC}::test_grpc_status_bytes_that_are_no_message_are_an_invalid_argument",
        f"{_ATTACK}/test_rpc_fuzz.py::test_any_message_gets_a_documented_status",
        f"{_ATTACK}/test_rpc_fuzz.py::test_any_bytes_are_a_message_or_refused_as_none",
    ),
    "OpenAPI": (
        f"{_ATTACK}/test_openapi_fuzz.py::test_an_operation_answers_as_the_document_says",
        f"{_OAUTH}/test_openapi.py::test_every_route_is_described_and_nothing_else",
    ),
}
