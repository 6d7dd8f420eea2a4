"""Every way a request can fail: one table, in two halves.

`Public` is what a caller may learn: gRPC status, OAuth error, HTTP status and one
sentence. `Reason` is what happened, as operators and metrics name it; each names
its public row. Faults that differ only in who is trusted share a public row, so
that no caller can tell them apart (draft-ietf-oauth-identity-assertion-authz-grant
section 9.4; RFC 7523 section 3.1).

The members of `Public` are published, by number and name, in `reason.proto`.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Any


# fmt: off
@unique
class Public(Enum):
    """What a caller may learn about a refusal. The member is the row."""

    def __init__(self, number: int, status: str, oauth_error: str, http: int, sentence: str) -> None:
        self.number = number            # in reason.proto, for ever
        self.status = status            # gRPC status
        self.oauth_error = oauth_error
        self.http = http
        self.sentence = sentence        # RFC 6749 section 5.2 characters; no facts, no echo

    # the request itself
    MESSAGE_MALFORMED        = ( 1, "INVALID_ARGUMENT",    "invalid_request", 400, "the request could not be read")
    PARAMETER_MISSING        = ( 2, "INVALID_ARGUMENT",    "invalid_request", 400, "a required parameter is missing")
    PARAMETER_REPEATED       = ( 3, "INVALID_ARGUMENT",    "invalid_request", 400, "a parameter is repeated")
    PARAMETER_INVALID        = ( 4, "INVALID_ARGUMENT",    "invalid_request", 400, "a parameter is malformed")
    MULTIPLE_CREDENTIALS     = ( 5, "INVALID_ARGUMENT",    "invalid_request", 400, "more than one client authentication method was used")
    BODY_TOO_LARGE           = ( 6, "RESOURCE_EXHAUSTED",  "invalid_request", 413, "the request is too large")
    BODY_TOO_SLOW            = ( 7, "DEADLINE_EXCEEDED",   "invalid_request", 408, "the request did not arrive in time")
    ISSUER_UNKNOWN           = ( 8, "INVALID_ARGUMENT",    "invalid_request", 400, "this service has no such issuer")
    GRANT_TYPE_UNSUPPORTED   = ( 9, "INVALID_ARGUMENT",    "unsupported_grant_type", 400, "this issuer does not offer the grant type")
    TOKEN_TYPE_UNSUPPORTED   = (10, "INVALID_ARGUMENT",    "invalid_request", 400, "the token type is not supported")
    ACTOR_UNSUPPORTED        = (11, "INVALID_ARGUMENT",    "invalid_request", 400, "actor tokens are not supported")
    DETAILS_UNSUPPORTED      = (12, "INVALID_ARGUMENT",    "invalid_authorization_details", 400, "authorization_details are not supported")
    PROOF_UNSUPPORTED        = (13, "FAILED_PRECONDITION", "invalid_dpop_proof", 400, "DPoP is not supported by this issuer")
    NO_AUTHORIZATION_GRANT   = (14, "INVALID_ARGUMENT",    "unsupported_response_type", 400, "this issuer offers no grant that uses the authorization endpoint")

    DETAILS_INVALID          = (15, "INVALID_ARGUMENT",    "invalid_authorization_details", 400, "authorization_details are malformed or of a type that is not offered")

    # the client
    CLIENT_AUTHENTICATION_FAILED = (20, "UNAUTHENTICATED",   "invalid_client",      401, "client authentication failed")
    CLIENT_NOT_AUTHORIZED        = (21, "PERMISSION_DENIED", "unauthorized_client", 400, "the client is not registered for this grant")
    TOKEN_NOT_OWNED              = (22, "PERMISSION_DENIED", "unauthorized_client", 400, "the token was not issued to this client")

    # the sign-in and the grant
    SUBJECT_TOKEN_INVALID    = (30, "FAILED_PRECONDITION", "invalid_grant", 400, "the subject token is not acceptable")
    ASSERTION_INVALID        = (31, "FAILED_PRECONDITION", "invalid_grant", 400, "the assertion is not acceptable")
    ASSERTION_REPLAYED       = (32, "FAILED_PRECONDITION", "invalid_grant", 400, "the assertion was already used")
    STEP_UP_REQUIRED         = (33, "FAILED_PRECONDITION", "insufficient_user_authentication", 400, "a stronger or more recent sign-in is required")
    PROOF_INVALID            = (34, "FAILED_PRECONDITION", "invalid_dpop_proof", 400, "the DPoP proof is not acceptable")
    PROOF_NONCE_REQUIRED     = (35, "FAILED_PRECONDITION", "use_dpop_nonce", 400, "a DPoP proof with the nonce of this answer is required")
    PROOF_REQUIRED           = (36, "FAILED_PRECONDITION", "invalid_grant", 400, "a DPoP proof by the right key is required")

    # the target
    AUDIENCE_INVALID         = (40, "INVALID_ARGUMENT", "invalid_target", 400, "the audience is not one that this issuer serves")
    RESOURCE_INVALID         = (41, "INVALID_ARGUMENT", "invalid_target", 400, "the resource is not governed by the requested audience")
    RESOURCE_REQUIRED        = (42, "INVALID_ARGUMENT", "invalid_target", 400, "a resource must be named")
    SCOPE_INVALID            = (43, "INVALID_ARGUMENT", "invalid_scope",  400, "no requested scope can be granted")

    # the decision
    POLICY_DENIED            = (50, "PERMISSION_DENIED", "access_denied", 400, "policy does not allow this client to reach the requested target")
    CLIENT_MAPPING_MISSING   = (51, "PERMISSION_DENIED", "access_denied", 400, "the client has no client id at the requested authorization server")

    # the gRPC caller
    CALLER_UNKNOWN           = (60, "UNAUTHENTICATED",   "invalid_client",  401, "the caller has no identity that this service knows")
    CALLER_NOT_ALLOWED       = (61, "PERMISSION_DENIED", "access_denied",   403, "the caller may not call this method")
    OBSERVED_NOT_ALLOWED     = (62, "INVALID_ARGUMENT",  "invalid_request", 400, "only the HTTP shim may state observed facts")

    # ours
    OVERLOADED               = (70, "RESOURCE_EXHAUSTED", "temporarily_unavailable", 429, "too many requests")
    UNAVAILABLE              = (71, "UNAVAILABLE",        "temporarily_unavailable", 503, "the service cannot decide now")
    OUT_OF_TIME              = (72, "DEADLINE_EXCEEDED",  "temporarily_unavailable", 503, "the call ran out of time")
    CANCELLED                = (73, "CANCELLED",          "temporarily_unavailable", 503, "the caller went away")
    INTERNAL                 = (74, "INTERNAL",           "server_error",            500, "an internal error occurred")

    # administrators
    NOT_FOUND                = (80, "NOT_FOUND", "invalid_request", 404, "there is no such thing on record")
    BUNDLE_MOVED             = (81, "ABORTED",   "invalid_request", 409, "another bundle was put in force meanwhile")
    NOT_GOVERNED             = (82, "FAILED_PRECONDITION", "invalid_request", 409, "the bundle in force has nothing of this name")


@unique
class Reason(Enum):
    """What happened, for operators: the metric label, the log and the record."""

    def __init__(self, public: Public, level: str, whose: str, remedy: str) -> None:
        self.public = public
        self.level = level      # of the log line
        self.whose = whose      # who can mend it: client, identity, mcp, operator, grantd
        self.remedy = remedy    # what to do next, for `grantd explain`
        self.number = len(self.__class__.__members__) + 1

    # the request itself
    MESSAGE_MALFORMED                = (Public.MESSAGE_MALFORMED, "info", "client", "Send a valid grantd.v1 message.")
    FORM_MALFORMED                   = (Public.MESSAGE_MALFORMED, "info", "client", "Send a UTF-8 form as application/x-www-form-urlencoded.")
    PARAMETER_MISSING                = (Public.PARAMETER_MISSING, "info", "client", "Send the parameter that the explanation names.")
    PARAMETER_REPEATED               = (Public.PARAMETER_REPEATED, "info", "client", "Send each parameter once; only resource and audience may repeat.")
    PARAMETER_INVALID                = (Public.PARAMETER_INVALID, "info", "client", "Correct the parameter that the explanation names.")
    MULTIPLE_CREDENTIALS             = (Public.MULTIPLE_CREDENTIALS, "info", "client", "Use exactly one client authentication method.")
    BODY_TOO_LARGE                   = (Public.BODY_TOO_LARGE, "info", "client", "Send a smaller request; the limits are in docs/http.md.")
    BODY_TOO_SLOW                    = (Public.BODY_TOO_SLOW, "info", "client", "Send the whole body within the time limit.")
    ISSUER_UNKNOWN                   = (Public.ISSUER_UNKNOWN, "info", "client", "Use an issuer identifier that this service publishes, byte for byte.")
    GRANT_TYPE_UNSUPPORTED           = (Public.GRANT_TYPE_UNSUPPORTED, "info", "client", "Use a grant type from the metadata of this issuer.")
    SUBJECT_TOKEN_TYPE_UNSUPPORTED   = (Public.TOKEN_TYPE_UNSUPPORTED, "info", "client", "Send an ID token, or another kind that the metadata of this issuer allows.")
    REQUESTED_TOKEN_TYPE_UNSUPPORTED = (Public.TOKEN_TYPE_UNSUPPORTED, "info", "client", "Ask for urn:ietf:params:oauth:token-type:id-jag, or for a refresh token where this issuer has them.")
    ACTOR_UNSUPPORTED                = (Public.ACTOR_UNSUPPORTED, "info", "client", "Leave actor_token and actor_token_type out.")
    DETAILS_UNSUPPORTED              = (Public.DETAILS_UNSUPPORTED, "info", "client", "Leave authorization_details out and ask with scope; this server has no types.")
    DETAILS_MALFORMED                = (Public.DETAILS_INVALID, "info", "client", "Send authorization_details as a JSON array of objects, each with a type.")
    DETAILS_TYPE_UNKNOWN             = (Public.DETAILS_INVALID, "info", "client", "Use a type from authorization_details_types_supported, for a resource that is asked for.")
    DETAILS_NOT_OF_TYPE              = (Public.DETAILS_INVALID, "info", "client", "Correct the object: its type has a schema, and the explanation names the place.")
    DETAILS_BEYOND_GRANT             = (Public.DETAILS_INVALID, "info", "client", "Ask only for objects of the grant, exactly as they are in it, or leave them out.")
    PROOF_UNSUPPORTED                = (Public.PROOF_UNSUPPORTED, "info", "client", "Leave the DPoP header out; the metadata lists no DPoP algorithm.")
    NO_AUTHORIZATION_GRANT           = (Public.NO_AUTHORIZATION_GRANT, "info", "client", "Use the token endpoint; the metadata lists its grant types.")

    # the client
    CREDENTIALS_MISSING              = (Public.CLIENT_AUTHENTICATION_FAILED, "info", "client", "Authenticate with a method from the metadata of this issuer.")
    CLIENT_UNKNOWN                   = (Public.CLIENT_AUTHENTICATION_FAILED, "info", "identity", "Register the client at this issuer, or correct its client_id.")
    CLIENT_ID_MISMATCH               = (Public.CLIENT_AUTHENTICATION_FAILED, "info", "client", "Send the same client_id everywhere in one request.")
    CLIENT_METHOD_MISMATCH           = (Public.CLIENT_AUTHENTICATION_FAILED, "info", "client", "Use the authentication method the client is registered with.")
    CLIENT_SECRET_MISMATCH           = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "client", "Check the secret; it is kept per issuer.")
    CLIENT_SECRET_EXPIRED            = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "identity", "Give the client a new secret.")
    CLIENT_ASSERTION_INVALID         = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "client", "Correct the client assertion as the explanation says.")
    CLIENT_ASSERTION_REPLAYED        = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "client", "Sign a fresh client assertion, with a fresh jti, for each request.")
    CLIENT_DOCUMENT_INVALID          = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "client", "Correct the client's metadata document as the explanation says.")
    CLIENT_PEER_MISMATCH             = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "identity", "Bind the TLS identity of the caller to this client.")
    CLIENT_CERTIFICATE_MISSING       = (Public.CLIENT_AUTHENTICATION_FAILED, "info", "operator", "Have the TLS side ask for client certificates, and be trusted for them: docs/http.md.")
    CLIENT_CERTIFICATE_MISMATCH      = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "identity", "Register the name that the client's certificate carries, or renew the certificate.")
    CLIENT_BLOCKED                   = (Public.CLIENT_AUTHENTICATION_FAILED, "warning", "identity", "The client is blocked; lift the block if that was a mistake.")
    CLIENT_GRANT_NOT_ALLOWED         = (Public.CLIENT_NOT_AUTHORIZED, "info", "identity", "Register the client for this grant at this issuer.")

    TOKEN_OF_ANOTHER_CLIENT          = (Public.TOKEN_NOT_OWNED, "warning", "client", "Revoke only tokens that were issued to this client.")

    # the sign-in (leg 1)
    SUBJECT_TOKEN_MALFORMED          = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Send the ID token exactly as the identity provider returned it.")
    SUBJECT_TOKEN_WRONG_KIND         = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Send the ID token, not an access token or another JWT.")
    SUBJECT_TOKEN_ISSUER             = (Public.SUBJECT_TOKEN_INVALID, "info", "identity", "Declare the identity provider for this grant issuer, with its exact issuer.")
    SUBJECT_TOKEN_ALGORITHM          = (Public.SUBJECT_TOKEN_INVALID, "info", "identity", "Allow the algorithm for this identity provider, or change it there.")
    SUBJECT_TOKEN_KEY                = (Public.SUBJECT_TOKEN_INVALID, "warning", "identity", "Check the JWKS of the identity provider; no usable key has this kid.")
    SUBJECT_TOKEN_SIGNATURE          = (Public.SUBJECT_TOKEN_INVALID, "warning", "client", "The token was not signed by the identity provider it names.")
    SUBJECT_TOKEN_AUDIENCE           = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Send the ID token that was issued to this very client.")
    SUBJECT_TOKEN_EXPIRED            = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Renew the sign-in and send the fresh ID token.")
    SUBJECT_TOKEN_TIME               = (Public.SUBJECT_TOKEN_INVALID, "info", "identity", "Check the clocks of the identity provider and of this service.")
    SUBJECT_TOKEN_CLAIM              = (Public.SUBJECT_TOKEN_INVALID, "info", "identity", "Have the identity provider send the claim that the explanation names.")
    SUBJECT_TENANT                   = (Public.SUBJECT_TOKEN_INVALID, "warning", "identity", "Declare the tenant at this grant issuer, or correct the claim that names it.")
    SUBJECT_TOKEN_USED               = (Public.SUBJECT_TOKEN_INVALID, "warning", "client", "Sign the user in again: the assertion belongs to the client that used it first, or was spent.")
    SUBJECT_BLOCKED                  = (Public.SUBJECT_TOKEN_INVALID, "warning", "identity", "The user is blocked; lift the block if that was a mistake.")
    SUBJECT_DISABLED                 = (Public.SUBJECT_TOKEN_INVALID, "warning", "identity", "List the user as active in the directory of the bundle, if the account is meant to be used.")
    REFRESH_TOKEN_UNKNOWN            = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Send a refresh token of this issuer exactly as it was returned, or sign in again.")
    REFRESH_TOKEN_OF_ANOTHER         = (Public.SUBJECT_TOKEN_INVALID, "warning", "client", "Send only refresh tokens that this issuer gave to this client.")
    REFRESH_TOKEN_EXPIRED            = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Sign the user in again; renew a refresh token before it ends.")
    REFRESH_TOKEN_REVOKED            = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Sign the user in again; this session was ended.")
    REFRESH_TOKEN_ROTATED            = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Use the newest refresh token; renew one at a time.")
    REFRESH_TOKEN_REUSED             = (Public.SUBJECT_TOKEN_INVALID, "warning", "client", "Find out who kept a copy of a replaced refresh token; the session was ended, sign in again.")
    SIGN_IN_OUTDATED                 = (Public.SUBJECT_TOKEN_INVALID, "info", "client", "Sign the user in again; the identity provider is declared otherwise since.")
    STEP_UP_REQUIRED                 = (Public.STEP_UP_REQUIRED, "info", "client", "Sign the user in again with the acr_values or max_age given.")

    # the grant (leg 2)
    ASSERTION_MALFORMED              = (Public.ASSERTION_INVALID, "info", "client", "Send the ID-JAG exactly as the grant issuer returned it.")
    ASSERTION_WRONG_KIND             = (Public.ASSERTION_INVALID, "info", "client", "Send the ID-JAG (typ oauth-id-jag+jwt), not an ID token or access token.")
    ASSERTION_ISSUER                 = (Public.ASSERTION_INVALID, "warning", "mcp", "Trust the issuer at this authorization server, with its exact identifier.")
    ASSERTION_SAME_DOMAIN            = (Public.ASSERTION_INVALID, "warning", "operator", "An issuer and an authorization server of one trust domain cannot redeem each other.")
    ASSERTION_ALGORITHM              = (Public.ASSERTION_INVALID, "info", "mcp", "Allow the algorithm for this trusted issuer.")
    ASSERTION_KEY                    = (Public.ASSERTION_INVALID, "warning", "mcp", "Check the JWKS of the trusted issuer; no usable key has this kid.")
    ASSERTION_SIGNATURE              = (Public.ASSERTION_INVALID, "warning", "client", "The assertion was not signed by the issuer it names.")
    ASSERTION_AUDIENCE               = (Public.ASSERTION_INVALID, "info", "client", "Ask the grant issuer for a grant whose audience is this authorization server.")
    ASSERTION_CLIENT                 = (Public.ASSERTION_INVALID, "warning", "identity", "Correct the client-id mapping: the grant names another client of this server.")
    ASSERTION_EXPIRED                = (Public.ASSERTION_INVALID, "info", "client", "Ask for a fresh grant; grants live a few minutes.")
    ASSERTION_TIME                   = (Public.ASSERTION_INVALID, "info", "operator", "Check the clocks of both sides and the life of the grants.")
    ASSERTION_CLAIM                  = (Public.ASSERTION_INVALID, "info", "identity", "Have the issuer send the claim that the explanation names.")
    ASSERTION_CONSTRAINT             = (Public.ASSERTION_INVALID, "info", "identity", "Have the issuer leave out the constraint that this server cannot enforce.")
    ASSERTION_RESOURCE               = (Public.ASSERTION_INVALID, "info", "mcp", "Register the resource at this authorization server, or correct its spelling.")
    ASSERTION_SCOPE                  = (Public.ASSERTION_INVALID, "info", "mcp", "Register the scopes at the resource, or correct the grant issuer.")
    ASSERTION_DETAILS                = (Public.ASSERTION_INVALID, "info", "mcp", "Register the type of authorization_details at the resource, or correct the grant issuer.")
    ASSERTION_SUBJECT                = (Public.ASSERTION_INVALID, "info", "mcp", "Make the user known at this authorization server.")
    ASSERTION_TENANT                 = (Public.ASSERTION_INVALID, "warning", "mcp", "Bind the issuer's tenant to the client's tenant at this authorization server.")
    ASSERTION_BLOCKED                = (Public.ASSERTION_INVALID, "warning", "mcp", "The user, client, issuer or resource is blocked here; lift the block if that was a mistake.")
    ASSERTION_BEFORE_RESTORE         = (Public.ASSERTION_INVALID, "info", "client", "Ask for a fresh grant: this one was issued before the database was restored from a backup.")
    ASSERTION_POLICY                 = (Public.ASSERTION_INVALID, "info", "mcp", "Add a redemption rule for this issuer, client and resource.")
    ASSERTION_REPLAYED               = (Public.ASSERTION_REPLAYED, "warning", "client", "Ask for a fresh grant; a grant is redeemed once.")

    # the key that grant and token are bound to
    PROOF_INVALID                    = (Public.PROOF_INVALID, "info", "client", "Correct the DPoP proof as the explanation says.")
    PROOF_REPLAYED                   = (Public.PROOF_INVALID, "warning", "client", "Make a fresh DPoP proof, with a fresh jti, for each request.")
    PROOF_NONCE                      = (Public.PROOF_NONCE_REQUIRED, "info", "client", "Repeat the request with the nonce of the DPoP-Nonce header in the proof.")
    PROOF_MISSING                    = (Public.PROOF_REQUIRED, "info", "client", "Send a DPoP proof: the client, the issuer or the grant demands one.")
    PROOF_KEY_MISMATCH               = (Public.PROOF_REQUIRED, "warning", "client", "Prove possession of the key that the grant is bound to.")

    # the target
    AUDIENCE_UNKNOWN                 = (Public.AUDIENCE_INVALID, "info", "client", "Use the issuer identifier of a registered authorization server, byte for byte.")
    AUDIENCE_REPEATED                = (Public.AUDIENCE_INVALID, "info", "client", "Ask for one audience at a time.")
    AUDIENCE_SAME_DOMAIN             = (Public.AUDIENCE_INVALID, "warning", "operator", "A grant issuer issues no grants for its own trust domain.")
    RESOURCE_MALFORMED               = (Public.RESOURCE_INVALID, "info", "client", "Send an absolute URI without fragment.")
    RESOURCE_UNKNOWN                 = (Public.RESOURCE_INVALID, "info", "client", "Use the resource identifier that the MCP server publishes.")
    RESOURCE_NOT_GOVERNED            = (Public.RESOURCE_INVALID, "info", "client", "Ask the authorization server that the MCP server names.")
    RESOURCE_NOT_GRANTED             = (Public.RESOURCE_INVALID, "info", "client", "Name only resources that the grant names.")
    RESOURCE_DISABLED                = (Public.RESOURCE_INVALID, "warning", "mcp", "The resource is blocked; lift the block if that was a mistake.")
    RESOURCE_REQUIRED                = (Public.RESOURCE_REQUIRED, "info", "client", "Name the MCP server with the resource parameter.")
    SCOPE_MALFORMED                  = (Public.SCOPE_INVALID, "info", "client", "Separate scopes with single spaces and use RFC 6749 characters.")
    SCOPE_UNKNOWN                    = (Public.SCOPE_INVALID, "info", "client", "Use scopes that the resource publishes.")
    SCOPE_NOT_GRANTED                = (Public.SCOPE_INVALID, "info", "client", "Ask for scopes inside the grant.")

    # the decision
    POLICY_NO_RULE                   = (Public.POLICY_DENIED, "info", "identity", "Add a rule for this user, client and resource; the nearest misses tell what lacks.")
    POLICY_DENY_RULE                 = (Public.POLICY_DENIED, "info", "identity", "A deny rule matched; change it if the access is meant to be allowed.")
    ISSUER_BLOCKED                   = (Public.POLICY_DENIED, "warning", "identity", "The grant issuer is blocked; lift the block if that was a mistake.")
    IDENTITY_PROVIDER_NOT_ALLOWED    = (Public.POLICY_DENIED, "info", "identity", "Allow this identity provider for the client.")
    DETAILS_NOT_GRANTED              = (Public.POLICY_DENIED, "info", "identity", "Add a rule that grants these authorization_details together with their scope.")
    TENANT_NOT_ALLOWED               = (Public.POLICY_DENIED, "info", "identity", "Bind the user's tenant to one of that server, and let the client act for it.")
    CLIENT_MAPPING_MISSING           = (Public.CLIENT_MAPPING_MISSING, "info", "identity", "Register the client id that this client has at the requested authorization server.")

    # the gRPC caller
    CALLER_UNKNOWN                   = (Public.CALLER_UNKNOWN, "warning", "operator", "Give the caller a certificate with one SPIFFE id or DNS name, and a role.")
    CALLER_NOT_ALLOWED               = (Public.CALLER_NOT_ALLOWED, "warning", "operator", "The role of this caller does not include the method.")
    OBSERVED_NOT_ALLOWED             = (Public.OBSERVED_NOT_ALLOWED, "warning", "operator", "Leave `observed` empty; only the role shim may set it.")

    # ours
    RATE_LIMITED                     = (Public.OVERLOADED, "warning", "client", "Slow down; the limit is on failures, per client and address.")
    OVERLOADED                       = (Public.OVERLOADED, "error", "operator", "Add capacity; the service sheds load to keep answering.")
    STORE_UNAVAILABLE                = (Public.UNAVAILABLE, "error", "operator", "Check the database; nothing was used up.")
    OUTCOME_UNKNOWN                  = (Public.UNAVAILABLE, "error", "operator", "The database did not confirm; ask for a fresh grant.")
    KEYS_UNAVAILABLE                 = (Public.UNAVAILABLE, "error", "operator", "The keys of the issuer cannot be fetched; check its JWKS address.")
    DOCUMENT_UNAVAILABLE             = (Public.UNAVAILABLE, "error", "operator", "The client's metadata document, or the keys it names, cannot be fetched; check its address.")
    SIGNER_UNAVAILABLE               = (Public.UNAVAILABLE, "error", "operator", "Check the signing keys of this issuer.")
    VIEW_STALE                       = (Public.UNAVAILABLE, "error", "operator", "The revocation view is too old; check the database.")
    NOT_READY                        = (Public.UNAVAILABLE, "error", "operator", "No governance bundle is active, or the service is draining.")
    OUT_OF_TIME                      = (Public.OUT_OF_TIME, "warning", "operator", "Give the call more time, or find out what was slow.")
    CANCELLED                        = (Public.CANCELLED, "info", "client", "The caller left before the answer.")
    BUG                              = (Public.INTERNAL, "error", "grantd", "Report the error id; the cause is in the log of the service.")

    # administrators
    NOT_ON_RECORD                    = (Public.NOT_FOUND, "info", "identity", "Check the id or name; list what there is first.")
    BLOCK_UNLISTED                   = (Public.NOT_GOVERNED, "info", "identity", "Correct the name, or say that it is meant although the bundle does not have it (--unlisted).")
    EPOCH_MOVED                      = (Public.BUNDLE_MOVED, "info", "identity", "Compare with the version that is in force now, and apply on top of it.")
# fmt: on


class Refused(Exception):
    """The one exception a flow raises on purpose.

    `facts` are for the record and for `grantd explain`; they never leave on the
    wire. `challenge` members do: `max_age` (seconds) and `acr_values` of RFC 9470,
    `dpop_nonce` of RFC 9449, and for administrators who put which bundle in force
    meanwhile, and when.
    """

    def __init__(self, reason: Reason, challenge: dict[str, Any] | None = None, **facts: object) -> None:
        super().__init__(reason.name)
        self.reason = reason
        self.facts = facts
        self.challenge = challenge or {}
