"""What schemathesis.toml can't say: loaded by schemathesis where SCHEMATHESIS_HOOKS names this file."""

import schemathesis
from schemathesis.generation import GenerationMode


@schemathesis.serializer("application/x-ndjson", "application/jsonl")
def lines(ctx, value):
    """JSON Lines, of which a schema says no more than that it is text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


UNKNOWN_NAME = {
    "invalid_user_id",
    "invalid_group_id",
    "invalid_role_id",
    "invalid_permission_id",
    "invalid_service_id",
    "invalid_reset_token",
    "invalid_verification_token",
    "invalid_provider_id",
    "invalid_current_password",
    "invalid_passkey",
    "invalid_passkey_id",
    "passkey_refused",
    "invalid_code",
    "invalid_factor_id",
    "invalid_device_id",
}

OF_OAUTH = {
    "/api/v1/token",
    "/consent",
    "/forgot-password",
    "/login",
    "/login/code",
    "/logout",
    "/register",
    "/reset-password",
    "/verify-email",
}

# What depends on what else is said of a client, which no schema says.
OF_CLIENTS = {"/clients", "/clients/{client_id}", "/clients/{client_id}/logo", "/api/v1/client"}

# Which texts are expressions, types and lines, that a person names a service, which are networks, addresses and scopes, which token is of which page, and in how many ways an issuer
# signs, no schema says.
OF_TEXTS = (
    "invalid_request_body",
    "invalid_query",
    "invalid_path",
    "invalid_header",
    "invalid_resources",
    "invalid_import",
)
WITH_TEXTS = (
    "/access/v1/",
    "/auth/me/keys",
    "/auth_policies",
    "/check-token",
    "/resource-roles",
    "/providers",
    "/robots",
    "/services/{service}/issuers",
    "/services/{service}/policies",
    "/services/{service}/resource-types",
    "/services/{service}/resources",
    "/users/import",
)

LETTERS = [
    "a character that nobody sees",
    "letters of several scripts",
    "is not allowed in a username",
    "can't be a username",
    # Which addresses have a host, and whether somebody has a phone number, no pattern says either.
    "is no address that begins with",
    "there is no number",
    # What is stored of a person decides whether they are left half of a document, or too many attributes.
    "send document_type and document_number, or neither",
    "all attributes of a person may have",
    # What browsers make of passkeys, only they know.
    "`credential`: it is not what a browser makes of",
    # Which fields of a proof go together, and what confirms an authenticator.
    "send `password`, or `method` and `code`",
    "send this, and no credential, for the method",
    "send this, and no code, for a passkey",
    "this Portero trusts no devices",
    "say what you call your authenticator",
    "a passkey gets its name at",
    "confirm your authenticator by two codes",
]


@schemathesis.check
def valid_data_is_refused_for_unknown_names_only(ctx, response, case):
    """Valid data may be answered 400 only because a name in it is unknown."""
    valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    # The standards of OAuth say what is refused there, and pages say it to people.
    if case.operation.path.startswith(("/oauth/", "/device", "/login/", "/account")) or case.operation.path in OF_OAUTH:
        return
    if valid and response.status_code == 400:
        problem = response.json()
        code = problem["error"]
        # Which characters nobody sees, and which letters are of one script: a pattern of that would be a page long.
        if any(fault in problem["detail"] for fault in LETTERS):
            return
        # Of a query, no schema says that one parameter needs another.
        if code == "invalid_query" and case.operation.path == "/check-token":
            return
        # Where a client may send people, and which of its fields need or exclude each other.
        if code in ("invalid_request_body", "invalid_logo") and case.operation.path in OF_CLIENTS:
            return
        if code in OF_TEXTS and case.operation.path.startswith(WITH_TEXTS):
            return
        # What a review confirms it can't revoke: no schema says that two lists share nothing.
        if "is also in `confirm`" in problem["detail"]:
            return
        assert code in UNKNOWN_NAME, f"valid data was refused with 400 {code}: {response.text}"


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    """7.0 is an integer to JSON Schema, but written into a path it is the name `7.0`."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in (path_parameters or {}).items()
    }
