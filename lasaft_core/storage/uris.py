"""URIs of objects, raw: a key that contains `%`, `#`, `?` or a space is written as it is.

A percent sign is never decoded, since `50%25.wav` and `50%.wav` are two objects.
"""

import os
from pathlib import Path

from lasaft_core.errors import StoreError

_ALIASES = {"s3a": "s3", "s3n": "s3", "local": "file"}


def canonical_uri(url: str) -> str:
    """`s3://bucket/key`, or `file:///abs/path` for a local path; no trailing slash."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _local_uri(url)
    scheme = _ALIASES.get(scheme.lower(), scheme.lower())
    if scheme == "file":
        return _local_uri(rest)
    rest = rest.rstrip("/")
    if not rest.split("/")[0]:
        raise StoreError(f"no bucket in {url!r}", expected=f"{scheme}://bucket/prefix")
    return f"{scheme}://{rest}"


def join(base: str, *parts: str) -> str:
    """Parts below a base, one slash between them; `..` in a part stays what it is, a name."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts)])


def scheme_of(uri: str) -> str:
    """`file` for anything local."""
    return canonical_uri(uri).partition("://")[0]


def split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, bucket, key. Of a local file: `file`, an empty bucket and the absolute path."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme in _ALIASES:
        scheme, _, rest = canonical_uri(uri).partition("://")
    if scheme == "file":
        return scheme, "", rest
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key


def local_path(uri: str) -> Path | None:
    """The path of a `file://` URI, None for anything that is not on this machine."""
    scheme, _, key = split_uri(uri)
    return Path(key) if scheme == "file" else None


def _local_uri(path: str) -> str:
    if not path:
        raise StoreError("an empty path names no place", expected="a path or a URL")
    return "file://" + os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  keep links
