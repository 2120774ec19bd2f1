"""The errors that addresses have in common, by status, for the document."""

#: Where a token is needed.
TOKEN = {
    401: "token_missing, token_invalid, token_expired, token_revoked",
    403: "account_disabled",
}
#: Where somebody else's profile, or everybody's, needs an administrator's.
ADMIN = {**TOKEN, 403: "account_disabled, forbidden"}
PROFILE = {**ADMIN, 404: "user_not_found"}

VALIDATION = {422: "validation_failed"}
LIMIT = {429: "rate_limited: Retry-After says when to come back"}

#: Where bodies are forms of OAuth 2.0.
FORM = {413: "content_too_large", 415: "unsupported_media_type", **VALIDATION}

#: Where Mangacollec has to be asked.
MANGACOLLEC = {
    502: "mangacollec_unavailable: it is down, or is left alone for a while",
    503: "mangacollec_not_configured",
    504: "mangacollec_unavailable: it is too slow",
}
#: Where it checks a password.
MANGACOLLEC_PASSWORD = {**MANGACOLLEC, **LIMIT, 422: "validation_failed, mangacollec_invalid_credentials"}
#: Where somebody confirms who it is, here or there.
CONFIRMATION = {
    **PROFILE,
    **VALIDATION,
    **LIMIT,
    **MANGACOLLEC,
    401: "token_missing, token_invalid, token_expired, token_revoked, invalid_credentials",
}
