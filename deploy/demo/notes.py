"""What the members of the three tokens mean, in the words of the story. Members that
have no note are not shown."""

ID_TOKEN = {
    "typ": "a JWT of no particular kind: ID tokens are told by who made them",
    "iss": "made by the directory",
    "aud": "for the assistant, by its name there",
    "sub": "about Alice",
    "groups": "what policy will read",
    "auth_time": "when she signed in",
    "amr": "and how",
    "exp": "good until",
}

ID_JAG = {
    "typ": "the kind: opens nothing, is only to be redeemed",
    "iss": "made by the grant issuer",
    "aud": "for one authorization server only",
    "sub": "about Alice",
    "client_id": "for the assistant, by its name at that server",
    "resource": "for this MCP server",
    "scope": "and no more than this",
    "jti": "redeemed once",
    "exp": "within five minutes",
}

ACCESS_TOKEN = {
    "typ": "the kind: an access token, and nothing else is taken at the desk",
    "iss": "made by the authorization server",
    "aud": "for the ticket desk only",
    "sub": "Alice, in this server's own name space",
    "client_id": "used by the assistant",
    "scope": "and no more than this",
    "exp": "good until; then the client asks again, silently",
}
