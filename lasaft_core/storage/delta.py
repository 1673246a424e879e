"""How the Delta Lake library reaches the same place that the rest of the project reaches."""

import re
from urllib.parse import quote

from lasaft_core.errors import StoreError
from lasaft_core.storage.s3_place import s3_endpoint, s3_region
from lasaft_core.storage.uris import canonical_uri, split_uri

_CLIENT = {"connect_timeout": "5s", "timeout": "30s", "max_retries": "12", "retry_timeout": "100s"}
"""Its own back-off is like that of `patience.py`: so many tries take about a minute."""


def delta_uri(uri: str) -> str:
    """The URI with its key percent-encoded: Delta Lake decodes what it is given.

    It decodes a percent sign of the key itself twice, hence StoreError for a key with one.
    """
    scheme, bucket, key = split_uri(canonical_uri(uri))
    if "%" in key:
        raise StoreError(f"{uri} can't hold a table", expected="a name without %", got="one with %")
    return f"{scheme}://{bucket}{'/' if bucket else ''}{quote(key)}"


def delta_storage_options(uri: str) -> dict[str, str]:
    """Endpoint, region and the conditional put that makes a commit a compare-and-swap."""
    if split_uri(canonical_uri(uri))[0] != "s3":
        return {}
    options = {"AWS_REGION": s3_region(), "aws_conditional_put": "etag", **_CLIENT}
    endpoint = s3_endpoint()
    if endpoint:
        options |= {"AWS_ENDPOINT_URL": endpoint, "allow_http": "true"}
    return options


def delta_told(error: Exception) -> str:
    """The innermost cause in one line: it comes as a coloured tree with the store's XML in it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    answer = re.search(r"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", text)
    if answer:
        return f"{answer[1]} ({answer[2]})"
    lines = [line.strip().removeprefix("↳").strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), type(error).__name__)


def delta_broke_off(error: Exception) -> bool:
    """Whether a connection broke where the library asks no second time: in conditional puts, which
    may have been done, and in the middle of answers."""
    text = str(error)
    return "HTTP error" in text and "max_retries" not in text
