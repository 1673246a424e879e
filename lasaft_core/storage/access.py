"""Objects by URI. Every error that leaves here is one of the project's own.

What stops a whole run (listing) is a `StoreError`; what costs one track is a `TrackError`.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError

from lasaft_core.errors import (
    LasaftError,
    ScratchFull,
    SourceForbidden,
    SourceGone,
    StoreError,
    StoreUnavailable,
)
from lasaft_core.storage.faults import remedy_for, told
from lasaft_core.storage.local import LocalStore
from lasaft_core.storage.objects import ChangedError, Fetched, ObjectStat, Store
from lasaft_core.storage.uris import canonical_uri, split_uri

_FAULTS = (OSError, BotoCoreError, ResponseParserError, ValueError, ImportError)


def open_store(uri: str) -> tuple[Store, str]:
    """The store that holds a URI, and the key in it."""
    scheme, bucket, key = split_uri(uri)
    if scheme == "file":
        return LocalStore(), key
    if scheme == "s3":
        from lasaft_core.storage.s3 import S3Store  # noqa: PLC0415  0.4 s that local files save

        return S3Store(bucket), key
    from lasaft_core.storage.remote import RemoteStore  # noqa: PLC0415

    return RemoteStore(scheme, bucket), key


def list_objects(prefix_uri: str) -> Iterator[ObjectStat]:
    """The object itself, or all below the prefix as below a folder, at any depth.

    One page is in memory at a time. Raises StoreError.
    """
    prefix_uri = canonical_uri(prefix_uri)
    with refusing(prefix_uri, "list"):
        store, key = open_store(prefix_uri)
        yield from store.list_objects(key)


def list_below(prefix_uri: str) -> list[ObjectStat]:
    """All at once, of a prefix that may not exist and then holds none. Raises StoreError."""
    try:
        return list(list_objects(prefix_uri))
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return []
        raise


def list_names(prefix_uri: str) -> list[str]:
    """Names below a prefix, relative to it, of a prefix that may not exist. Raises StoreError."""
    start = len(canonical_uri(prefix_uri)) + 1
    return sorted(found.uri[start:] for found in list_below(prefix_uri))


def stat(uri: str) -> ObjectStat:
    """Raises SourceGone, SourceForbidden, StoreUnavailable."""
    with _reading(uri):
        store, key = open_store(uri)
        return store.stat(key)


def exists(uri: str) -> bool:
    """Raises SourceForbidden, StoreUnavailable."""
    try:
        stat(uri)
    except SourceGone:
        return False
    return True


def fetch(uri: str, path: Path, *, expected: ObjectStat | None = None) -> Fetched:
    """The whole object as a local file, hashed on the way, its size checked.

    Raises SourceGone when it vanished or is no longer as `expected`, SourceForbidden,
    StoreUnavailable after bounded retries, ScratchFull when the local disk is.
    """
    with _reading(uri):
        store, key = open_store(uri)
        return store.fetch(key, path, expected)


def read_bytes(uri: str) -> bytes:
    """A small object. Raises SourceGone, SourceForbidden, StoreUnavailable."""
    with _reading(uri):
        store, key = open_store(uri)
        return store.read_bytes(key)


def put(path: Path, uri: str) -> None:
    """A whole local file becomes an object. Raises StoreUnavailable."""
    with _writing(uri):
        store, key = open_store(uri)
        store.put(path, key)


def put_bytes(data: bytes, uri: str) -> None:
    """Raises StoreUnavailable."""
    with _writing(uri):
        store, key = open_store(uri)
        store.put_bytes(data, key)


def create(data: bytes, uri: str) -> bool:
    """False where the name is taken, by other bytes than these. Raises StoreUnavailable."""
    with _writing(uri):
        store, key = open_store(uri)
        return store.create(data, key)


def remove(uri: str) -> None:
    """Removing what is not there is no error. Raises StoreUnavailable."""
    with _writing(uri):
        store, key = open_store(uri)
        store.remove(key)


@contextmanager
def refusing(uri: str, verb: str) -> Iterator[None]:
    """Whatever the store says against it becomes one clear line that stops the run."""
    try:
        yield
    except _FAULTS as error:
        what, remedy = f"can't {verb} {uri}", remedy_for(uri, error)
        raise StoreError(what, got=told(error), remedy=remedy) from error


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    try:
        yield
    except ChangedError as error:
        raise SourceGone(f"{uri} changed since it was listed", got=str(error)) from error
    except FileNotFoundError as error:
        raise SourceGone(f"{uri} is not there any more") from error
    except PermissionError as error:
        raise SourceForbidden(f"{uri} may not be read", got=told(error)) from error
    except _FAULTS as error:
        raise _trouble(f"can't read {uri}", error) from error


@contextmanager
def _writing(uri: str) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        raise StoreUnavailable(f"can't write {uri}", got=told(error)) from error


def _trouble(what: str, error: Exception) -> LasaftError:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    kind = ScratchFull if full else StoreUnavailable
    return kind(what, got=told(error))
