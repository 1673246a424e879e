"""Any other store that fsspec reaches: Google Cloud Storage, Azure, SFTP, HTTP, memory."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec

from lasaft_core.storage.objects import ChangedError, Fetched, ObjectStat

_BLOCK_BYTES = 1 << 20
_VERSION_FIELDS = ("etag", "ETag", "md5Hash", "md5", "generation", "mtime", "created")


class RemoteStore:
    """Keys are raw below one bucket (or host) of one protocol."""

    def __init__(self, scheme: str, bucket: str) -> None:
        self._base = f"{scheme}://{bucket}"
        self._fs = fsspec.filesystem(scheme, use_listings_cache=False)
        self._root = f"{bucket}" if scheme not in {"http", "https"} else self._base

    def list_objects(self, key: str) -> Iterator[ObjectStat]:
        path = self._path(key)
        if key and self._fs.isfile(path):
            yield self.stat(key)
            return
        if not self._fs.exists(path):
            raise FileNotFoundError(path)
        root = self._root_length()
        for info in self._below(path):
            yield self._described(str(info["name"])[root:].lstrip("/"), info)

    def _below(self, path: str) -> Iterator[dict[str, Any]]:
        """All that is no folder. fsspec's own walk passes over folders that it can't list."""
        folders = [path]
        while folders:
            folder = folders.pop()
            with suppress(FileNotFoundError):  # gone by now
                for info in self._fs.ls(folder, detail=True):
                    if info["type"] != "directory":
                        yield info
                    elif info["name"].strip("/") != folder.strip("/"):
                        folders.append(info["name"])

    def stat(self, key: str) -> ObjectStat:
        return self._described(key, self._fs.info(self._path(key)))

    def fetch(self, key: str, path: Path, expected: ObjectStat | None) -> Fetched:
        before, digest, size = self.stat(key), hashlib.sha256(), 0
        if expected and (expected.etag, expected.size) != (before.etag, before.size):
            raise ChangedError(f"listed as {expected.etag}, now {before.etag}")
        with self._fs.open(self._path(key), "rb") as reader, path.open("wb") as writer:
            while block := reader.read(_BLOCK_BYTES):
                digest.update(block)
                size += writer.write(block)
        if size != before.size:
            raise ChangedError(f"{before.size} bytes promised, {size} came")
        return Fetched(path, digest.hexdigest(), size, before.etag)

    def put(self, path: Path, key: str) -> None:
        self._fs.makedirs(self._fs._parent(self._path(key)), exist_ok=True)
        self._fs.put_file(str(path), self._path(key))

    def put_bytes(self, data: bytes, key: str) -> None:
        self._fs.makedirs(self._fs._parent(self._path(key)), exist_ok=True)
        self._fs.pipe_file(self._path(key), data)

    def create(self, data: bytes, key: str) -> bool:
        try:
            self._fs.pipe_file(self._path(key), data, mode="create")
        except FileExistsError:
            return False
        return True

    def read_bytes(self, key: str) -> bytes:
        content: bytes = self._fs.cat_file(self._path(key))
        return content

    def remove(self, key: str) -> None:
        if self._fs.exists(self._path(key)):
            self._fs.rm_file(self._path(key))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _root_length(self) -> int:
        return len(str(self._fs._strip_protocol(self._base)))

    def _described(self, key: str, info: dict[str, Any]) -> ObjectStat:
        size = int(info["size"])
        version = next((_text(info[name]) for name in _VERSION_FIELDS if info.get(name)), "")
        return ObjectStat(f"{self._base}/{key}", size, version or f"{size:x}", None)


def _text(version: object) -> str:
    """Some file systems tell a time now as a date, now as a number."""
    if isinstance(version, datetime):
        version = version.timestamp()
    return f"{version:.6f}" if isinstance(version, float) else str(version).strip('"')
