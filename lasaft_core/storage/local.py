"""Files of this machine. Publication is a rename, so that no half-written file has its name."""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lasaft_core.storage.objects import ChangedError, Fetched, ObjectStat

_BLOCK_BYTES = 1 << 20


class LocalStore:
    """Keys are absolute paths. The etag survives a rename and changes with every write."""

    def list_objects(self, key: str) -> Iterator[ObjectStat]:
        path = Path(key)
        if path.is_file():
            yield _stat(path)
            return
        for folder, _, names in os.walk(path, onerror=_raise):
            for name in sorted(names):
                found = Path(folder, name)
                if not name.endswith(_PART) and found.is_file():
                    yield from _stat_if_there(found)

    def stat(self, key: str) -> ObjectStat:
        return _stat(_file(key))

    def fetch(self, key: str, path: Path, expected: ObjectStat | None) -> Fetched:
        source, digest, size = _file(key), hashlib.sha256(), 0
        before = _stat(source)
        if expected and expected.etag != before.etag:
            raise ChangedError(f"listed as {expected.etag}, now {before.etag}")
        with source.open("rb") as reader, path.open("wb") as writer:
            while block := reader.read(_BLOCK_BYTES):
                digest.update(block)
                size += writer.write(block)
        if _stat(source).etag != before.etag or size != before.size:
            raise ChangedError("written to while it was read")
        return Fetched(path, digest.hexdigest(), size, before.etag)

    def put(self, path: Path, key: str) -> None:
        with _replacing(Path(key)) as part:
            shutil.copyfile(path, part)

    def put_bytes(self, data: bytes, key: str) -> None:
        with _replacing(Path(key)) as part:
            part.write_bytes(data)

    def create(self, data: bytes, key: str) -> bool:
        with _part_of(Path(key)) as part:
            part.write_bytes(data)
            try:
                os.link(part, key)  # with its content: nobody reads half of it
            except FileExistsError:
                return False
        return True

    def read_bytes(self, key: str) -> bytes:
        return _file(key).read_bytes()

    def remove(self, key: str) -> None:
        Path(key).unlink(missing_ok=True)


_PART = ".lasaft-part"


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    with _part_of(path) as part:
        yield part
        part.replace(path)


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """A file beside it that is gone at the end, if it has not become another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{uuid.uuid4().hex}{_PART}"
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _file(key: str) -> Path:
    path = Path(key)
    if path.is_dir():
        raise FileNotFoundError(errno.ENOENT, "a folder, not a file", key)
    return path


def _stat(path: Path) -> ObjectStat:
    found = path.stat()
    etag = f"{found.st_mtime_ns:x}-{found.st_size:x}"
    return ObjectStat(f"file://{path}", found.st_size, etag, found.st_mtime)


def _stat_if_there(path: Path) -> list[ObjectStat]:
    """None where it was removed since it was listed."""
    try:
        return [_stat(path)]
    except FileNotFoundError:
        return []


def _raise(error: OSError) -> None:
    raise error
