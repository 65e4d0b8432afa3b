"""The one tree of errors.

GroundwellError                 base; carries a stable code and the HTTP status it maps to
├── InvalidInputError           the request is well-formed JSON but breaks a rule          422
│   └── UrlRefusedError         an address that the server does not call                   422
├── NotFoundError               no such thing for this tenant                              404
│   └── DamagedFileError        an original is not what was stored: as good as gone        404
├── ConflictError               the request contradicts what is stored                     409
├── UnauthenticatedError        missing or wrong credential                                401
├── ForbiddenError              the credential lacks the scope                             403
├── TooLargeError               over a size limit                                          413
├── UnsupportedTypeError        a file type that is not on the list                        415
├── RateLimitedError            too many requests                                          429
├── QuotaExceededError          more than the tenant may hold                              429
├── BudgetExceededError         more tokens of the language model than a day's             429
├── UnavailableError            a part that is needed is away; try again                   503
│   └── ProviderTimeoutError    a provider was too slow; asking at once again is no use    504
├── StorageFullError            there is no room on the disk for this                      507
├── ProviderError               a model provider failed or answered nonsense               502
├── StartupError                configuration or environment stops the program             500
├── BackupError                 a backup or restore stopped; nothing is left half done      500
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


class UrlRefusedError(InvalidInputError):
    """An address that a request wants called, and that the server does not call."""

    default_code = "url_refused"
    title = "Address refused"


class NotFoundError(GroundwellError):
    """There is no such thing, or it belongs to somebody else: both look the same."""

    status = 404
    default_code = "not_found"
    title = "Not found"


class DamagedFileError(NotFoundError):
    """An original is there, but is not what was stored. Nothing of it is given out."""

    default_code = "blob_damaged"


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


class QuotaExceededError(GroundwellError):
    """What a request adds does not fit into what the tenant may hold.

    `quota` is one of `bytes`, `documents`, `chunks`, `queued`, `embedded`, `evaluations`; `used` is
    without the request.
    """

    status = 429
    default_code = "quota_exceeded"
    title = "Quota exceeded"

    def __init__(
        self, quota: str, limit: int, used: int, *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(
            _sentence_of_quota(quota, limit, used), retry_after_seconds=retry_after_seconds
        )
        self.quota = quota
        self.limit = limit
        self.used = used


class BudgetExceededError(GroundwellError):
    """The language model would have to be asked, and the user's tokens of the day are spent.

    `used` counts what calls that have not ended have reserved, and is without the `wanted` tokens.
    """

    status = 429
    default_code = "budget"
    title = "Budget spent"

    def __init__(self, wanted: int, limit: int, used: int, *, retry_after_seconds: int) -> None:
        super().__init__(
            f"You may use {limit:,} tokens of the language model a day. {used:,} are used or set "
            f"aside for answers under way, and this may take {wanted:,}. The next day begins at "
            "midnight UTC.",
            retry_after_seconds=retry_after_seconds,
        )
        self.limit = limit
        self.used = used


def _sentence_of_quota(quota: str, limit: int, used: int) -> str:
    if quota == "embedded":
        return (
            f"You may have {limit:,} chunks embedded a day and had {used:,} today. Wait until "
            "midnight (UTC)."
        )
    unfinished = {"queued": "waiting documents", "evaluations": "unfinished evaluations"}
    way_out = "Wait until some are finished." if quota in unfinished else "Delete some documents."
    what = unfinished.get(quota, quota)
    return f"You may hold {limit:,} {what} and hold {used:,}: this would be more. {way_out}"


class UnavailableError(GroundwellError):
    """A part that this request needs is away for the moment."""

    status = 503
    default_code = "unavailable"
    title = "Temporarily unavailable"


class ProviderTimeoutError(UnavailableError):
    """A provider did not answer, or not on, in time."""

    status = 504
    default_code = "provider_timeout"
    title = "The provider took too long"


class StorageFullError(GroundwellError):
    """There is no room on the disk. What needs none goes on; what was accepted waits for room."""

    status = 507
    default_code = "storage_full"
    title = "No room on the disk"


class ProviderError(GroundwellError):
    """A model provider refused, or answered something unusable."""

    status = 502
    default_code = "provider_bad_response"
    title = "The model provider failed"


class StartupError(GroundwellError):
    """The program cannot start; the detail says how to mend it."""

    default_code = "startup_failed"
    title = "Groundwell could not start"


class BackupError(GroundwellError):
    """A backup or a restore stopped, and left nothing half done."""

    default_code = "backup_failed"
    title = "The backup or restore stopped"


class DocumentError(GroundwellError):
    """A file cannot be ingested. Stored with the document, never retried: the file is the cause.

    Codes: `encrypted`, `corrupt`, `empty_file`, `no_text`, `bad_encoding`, `type_mismatch`,
    `document_bomb`, `parser_timeout`, `parser_crashed`, `too_large_to_scan`.
    """

    status = 422
    default_code = "corrupt"
    title = "The document cannot be read"
