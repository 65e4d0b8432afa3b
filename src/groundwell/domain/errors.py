"""The one tree of errors.

GroundwellError                 base; carries a stable code and the HTTP status it maps to
├── InvalidInputError           the request is well-formed JSON but breaks a rule          422
├── NotFoundError               no such thing for this tenant                              404
├── ConflictError               the request contradicts what is stored                     409
├── UnauthenticatedError        missing or wrong credential                                401
├── ForbiddenError              the credential lacks the scope                             403
├── TooLargeError               over a size limit                                          413
├── UnsupportedTypeError        a file type that is not on the list                        415
├── RateLimitedError            too many requests                                          429
├── UnavailableError            a part that is needed is away; try again                   503
├── ProviderError               a model provider failed or answered nonsense               502
├── StartupError                configuration or environment stops the program             500
└── DocumentError               this file cannot be ingested; ends up in the document row  422
"""

from __future__ import annotations

from typing import ClassVar


class GroundwellError(Exception):
    """Base of every error that Groundwell raises on purpose.

    `detail` is a sentence for the person who caused the error and says what to do.
    `code` is stable and meant for programs. `status` is the HTTP status.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self, detail: str, *, code: str | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.retry_after_seconds = retry_after_seconds


class InvalidInputError(GroundwellError):
    """The request breaks a rule that the schema cannot express."""

    status = 422
    default_code = "invalid_input"
    title = "Invalid input"


class NotFoundError(GroundwellError):
    """There is no such thing, or it belongs to somebody else: both look the same."""

    status = 404
    default_code = "not_found"
    title = "Not found"


class ConflictError(GroundwellError):
    """The request contradicts what is stored."""

    status = 409
    default_code = "conflict"
    title = "Conflict"


class UnauthenticatedError(GroundwellError):
    """The credential is missing, unknown, expired or revoked."""

    status = 401
    default_code = "unauthenticated"
    title = "Not authenticated"


class ForbiddenError(GroundwellError):
    """The credential is good but lacks the scope."""

    status = 403
    default_code = "insufficient_scope"
    title = "Not allowed"


class TooLargeError(GroundwellError):
    """The request or file is over a limit."""

    status = 413
    default_code = "too_large"
    title = "Too large"


class UnsupportedTypeError(GroundwellError):
    """The file's type, judged by its content, is not supported."""

    status = 415
    default_code = "unsupported_type"
    title = "Unsupported file type"


class RateLimitedError(GroundwellError):
    """Too many requests from this credential."""

    status = 429
    default_code = "rate_limited"
    title = "Too many requests"


class UnavailableError(GroundwellError):
    """A part that this request needs is away for the moment."""

    status = 503
    default_code = "unavailable"
    title = "Temporarily unavailable"


class ProviderError(GroundwellError):
    """A model provider failed, timed out or answered something unusable."""

    status = 502
    default_code = "provider_bad_response"
    title = "The model provider failed"


class StartupError(GroundwellError):
    """The program cannot start; the detail says how to mend it."""

    default_code = "startup_failed"
    title = "Groundwell could not start"


class DocumentError(GroundwellError):
    """A file cannot be ingested. Stored with the document, never retried: the file is the cause.

    Codes: `encrypted`, `corrupt`, `empty_file`, `no_text`, `bad_encoding`, `type_mismatch`,
    `document_bomb`, `parser_timeout`, `parser_crashed`.
    """

    status = 422
    default_code = "corrupt"
    title = "The document cannot be read"
