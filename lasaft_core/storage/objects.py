"""What is said about an object, and what every kind of store can do with one.

A `Store` speaks of one bucket or one file system; its methods take the raw key, never a URI, and
raise what the system below raises. `access.py` turns that into the project's own errors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """`etag` changes when the content does: the store's own, or mtime and size of a local file."""

    uri: str
    size: int
    etag: str
    mtime: float | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole object on local disk, hashed while it came in."""

    path: Path
    sha256: str
    size: int
    etag: str


class ChangedError(OSError):
    """The object is no longer the one that was listed."""


class Store(Protocol):
    """One bucket or file system. Keys are raw: never encoded, decoded or normalised."""

    def list_objects(self, key: str) -> Iterator[ObjectStat]:
        """The object of this very name, then all below `key/`, page by page."""

    def stat(self, key: str) -> ObjectStat: ...

    def fetch(self, key: str, path: Path, expected: ObjectStat | None) -> Fetched:
        """Raises `ChangedError` when what arrives is not what was expected."""

    def put(self, path: Path, key: str) -> None:
        """Whole or not at all: no reader ever sees a part of it."""

    def put_bytes(self, data: bytes, key: str) -> None: ...

    def create(self, data: bytes, key: str) -> bool:
        """False where the key is taken by other data, since a repeated creation may find its own;
        a store that can't refuse overwrites and says True."""

    def read_bytes(self, key: str) -> bytes: ...

    def remove(self, key: str) -> None:
        """Removing what is not there is no error."""
