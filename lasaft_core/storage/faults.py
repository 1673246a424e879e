"""What a store says when it refuses, in one line."""

from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ConnectionError as RefusedConnection
from botocore.exceptions import HTTPClientError, NoCredentialsError, PartialCredentialsError
from botocore.parsers import ResponseParserError

from lasaft_core.storage.uris import split_uri

TRANSIENT_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
TRANSIENT_CODES: Final = frozenset(
    {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling"}
    | {"TooManyRequests", "RequestLimitExceeded", "IncompleteBody", "BadDigest"}
)
_BROKEN_CONNECTION = (
    *(HTTPClientError, RefusedConnection, ResponseParserError),
    *(ConnectionError, TimeoutError),
)
_BROKEN_BODY = "aiohttp."  # a module that comes with s3fs alone


def error_code(error: BaseException | None) -> str:
    """The store's own code for what went wrong, `NoSuchBucket` say; empty where there is none."""
    return next((str(answer.get("Error", {}).get("Code", "")) for answer in _answers(error)), "")


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed later."""
    for answer in _answers(error):
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status in TRANSIENT_STATUSES or error_code(error) in TRANSIENT_CODES
    return any(map(_is_broken_connection, _causes(error)))


def _is_broken_connection(error: BaseException) -> bool:
    kinds = type(error).__mro__
    is_broken_body = any(kind.__module__.startswith(_BROKEN_BODY) for kind in kinds)
    return isinstance(error, _BROKEN_CONNECTION) or is_broken_body


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _answers(error: BaseException | None) -> Iterator[dict[str, Any]]:
    """What the store itself answered, where it did."""
    for cause in _causes(error):
        answer = getattr(cause, "response", None)
        if isinstance(answer, dict):
            yield answer


def told(error: Exception) -> str:
    """The first line of the store's words, with its code."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    code = error_code(error)
    return text if not code or code in text else f"{code} ({text})"


def remedy_for(uri: str, error: Exception) -> str:
    """What its user can do about it."""
    if isinstance(error, ImportError):
        return "install the fsspec package of this kind of URL"
    if isinstance(error, PermissionError | NoCredentialsError | PartialCredentialsError):
        return "check the credentials in the environment or profile and their rights"
    if error_code(error) in {"NotImplemented", "501"}:
        return "use a store that knows conditional puts (If-None-Match): the table's commits do"
    if isinstance(error, FileNotFoundError):
        return "check the name; the bucket or folder must exist"
    if split_uri(uri)[0] == "s3":
        return "check AWS_ENDPOINT_URL, the network and the credentials"
    return "check the path and its rights"
