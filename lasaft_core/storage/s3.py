"""S3 and what speaks like it, through the raw calls of s3fs.

Raw calls, since paths of a file system cannot say every key (`?versionId=`, a trailing slash).
Retries are in one layer, `patience.py`: one try a request in botocore and s3fs. The body of an
object goes on where its connection broke off, until four in a row have brought nothing.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from aiobotocore.response import AioReadTimeoutError
from aiohttp import ClientError as BodyError
from botocore.exceptions import BotoCoreError
from fsspec.asyn import sync
from s3fs import S3FileSystem

from lasaft_core.storage.faults import error_code
from lasaft_core.storage.objects import ChangedError, Fetched, ObjectStat
from lasaft_core.storage.patience import Pauses, patient_for, patiently

_BLOCK_BYTES = 1 << 18
_PART_BYTES = 32 << 20
_PAGE_OBJECTS = 1000
_IDLE_CONNECTIONS = 4
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})
_ABORT_SECONDS = 5.0
_BROKEN_BODY = (BodyError, BotoCoreError, AioReadTimeoutError, TimeoutError, ConnectionError)
_ENVIRONMENT = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)


class S3Store:
    """One bucket, seen by whoever the environment says that we are."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._fs = _file_system(tuple(os.environ.get(name) for name in _ENVIRONMENT))

    def list_objects(self, key: str) -> Iterator[ObjectStat]:
        if key and not key.endswith("/"):
            first = self._call("list_objects_v2", Prefix=key, MaxKeys=1).get("Contents", ())
            yield from (self._listed(found) for found in first if found["Key"] == key)
            key += "/"
        page: dict[str, Any] = {"IsTruncated": True}
        token: dict[str, str] = {}
        while page.get("IsTruncated"):
            page = self._call("list_objects_v2", Prefix=key, MaxKeys=_PAGE_OBJECTS, **token)
            yield from map(self._listed, page.get("Contents", ()))
            token = {"ContinuationToken": page.get("NextContinuationToken", "")}

    def stat(self, key: str) -> ObjectStat:
        head = self._call("head_object", Key=key)
        return self._described(key, head["ContentLength"], head)

    def fetch(self, key: str, path: Path, expected: ObjectStat | None) -> Fetched:
        with path.open("wb") as writer:
            download = _Download(self, key, expected, writer)
            return Fetched(path, *download.run())

    def put(self, path: Path, key: str) -> None:
        if path.stat().st_size <= _PART_BYTES:
            self.put_bytes(path.read_bytes(), key)
            return
        answer = self._call("create_multipart_upload", Key=key)
        upload = {"Key": key, "UploadId": answer["UploadId"]}
        try:
            parts = list(self._parts(path, upload))
            self._complete(parts, upload, path.stat().st_size)
        except BaseException as error:
            self._abort(upload, error)
            raise

    def put_bytes(self, data: bytes, key: str) -> None:
        self._call("put_object", Key=key, Body=data)

    def create(self, data: bytes, key: str) -> bool:
        try:
            self._call("put_object", Key=key, Body=data, IfNoneMatch="*")
        except OSError as error:
            if error_code(error) in _TAKEN:
                return self._holds(data, key)  # a repeated creation may lose to its own first try
            raise
        return True

    def _holds(self, data: bytes, key: str) -> bool:
        try:
            return self.read_bytes(key) == data
        except FileNotFoundError:
            return False

    def read_bytes(self, key: str) -> bytes:
        content: bytes = patiently(lambda: self._read_once(key))
        return content

    def _read_once(self, key: str) -> Any:
        body = self._call_once("get_object", Key=key)["Body"]
        return sync(self._fs.loop, _whole, body)

    def remove(self, key: str) -> None:
        self._call("delete_object", Key=key)

    def _parts(self, path: Path, upload: dict[str, str]) -> Iterator[dict[str, Any]]:
        with path.open("rb") as reader:
            number = 0
            while block := reader.read(_PART_BYTES):
                number += 1
                part = self._call("upload_part", Body=block, PartNumber=number, **upload)
                yield {"PartNumber": number, "ETag": part["ETag"]}

    def _complete(self, parts: list[dict[str, Any]], upload: dict[str, str], size: int) -> None:
        try:
            self._call("complete_multipart_upload", MultipartUpload={"Parts": parts}, **upload)
        except FileNotFoundError:  # a repeated completion finds its upload completed
            if self.stat(upload["Key"]).size != size:
                raise

    def _abort(self, upload: dict[str, str], cause: BaseException) -> None:
        """What the store keeps of an upload costs space, no more."""
        try:
            with patient_for(_ABORT_SECONDS):
                self._call("abort_multipart_upload", **upload)
        except (OSError, BotoCoreError) as error:
            cause.add_note(f"the upload's parts may be left in the store: {error}")

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return patiently(lambda: self._call_once(method, **arguments))

    def _call_once(self, method: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._fs.call_s3(method, Bucket=self._bucket, **arguments)
        return answer

    def _listed(self, found: dict[str, Any]) -> ObjectStat:
        return self._described(found["Key"], found["Size"], found)

    def _described(self, key: str, size: int, answer: dict[str, Any]) -> ObjectStat:
        uri, modified = f"s3://{self._bucket}/{key}", answer.get("LastModified")
        etag = str(answer.get("ETag", "")).strip('"')
        return ObjectStat(uri, size, etag, modified.timestamp() if modified else None)


async def _whole(body: Any) -> bytes:
    async with body:
        content: bytes = await body.read()
    return content


class _Download:
    """One object's bytes over as many connections as it takes, all of one and the same version."""

    def __init__(
        self, store: S3Store, key: str, expected: ObjectStat | None, writer: IO[bytes]
    ) -> None:
        self._store, self._key, self._writer = store, key, writer
        self._etag = expected.etag if expected else ""
        self._size = expected.size if expected else None
        self._received = 0
        self._digest = hashlib.sha256()

    def run(self) -> tuple[str, int, str]:
        """SHA-256 hex, bytes, etag."""
        idle, pauses = 0, Pauses()
        while True:
            before, problem = self._received, self._receive()
            if self._received == self._size and problem is None:
                return self._digest.hexdigest(), self._received, self._etag
            self._start_again_if_spoilt()
            idle = 0 if self._received > before else idle + 1
            if idle >= _IDLE_CONNECTIONS or (idle and not pauses.wait()):
                raise ConnectionError(
                    f"{idle} connections in a row brought none of the "
                    f"{self._size - self._received if self._size else 0} bytes that lack"
                ) from problem

    def _receive(self) -> Exception | None:
        """As much as one connection brings; what broke it."""
        answer = self._connect()
        try:
            sync(self._store._fs.loop, self._drain, answer["Body"])
        except _BROKEN_BODY as error:
            return error
        return None

    def _start_again_if_spoilt(self) -> None:
        """An error after the last byte says that the bytes are not those of the checksum."""
        if self._received == self._size:
            self._received = 0
            self._digest = hashlib.sha256()
            self._writer.seek(0)

    def _connect(self) -> dict[str, Any]:
        conditions = {"IfMatch": f'"{self._etag}"'} if self._etag else {}
        if self._received:
            conditions["Range"] = f"bytes={self._received}-"
        try:
            answer = self._store._call("get_object", Key=self._key, **conditions)
        except OSError as error:
            if error_code(error) in {"PreconditionFailed", "412"}:
                raise ChangedError(f"listed as {self._etag}, another one now") from error
            raise
        self._agree(answer)
        return answer

    def _agree(self, answer: dict[str, Any]) -> None:
        etag, size = str(answer["ETag"]).strip('"'), self._received + answer["ContentLength"]
        if (self._etag or etag, size if self._size is None else self._size) != (etag, size):
            raise ChangedError(
                f"listed as {self._etag} of {self._size} bytes, now {etag} of {size}"
            )
        self._etag, self._size = etag, size

    async def _drain(self, body: Any) -> None:
        async with body:
            while block := await body.read(_BLOCK_BYTES):
                self._digest.update(block)
                self._writer.write(block)
                self._received += len(block)


@lru_cache(maxsize=16)
def _file_system(environment: tuple[str | None, ...]) -> S3FileSystem:
    """One client for each set of credentials: fsspec's own cache does not look at them."""
    del environment
    file_system = S3FileSystem(
        skip_instance_cache=True,
        use_listings_cache=False,
        config_kwargs={
            "connect_timeout": 5,
            "read_timeout": 30,
            "max_pool_connections": 32,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        },
    )
    file_system.retries = 1
    return file_system
