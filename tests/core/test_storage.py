"""Objects by URI, on local files and on a real S3 server."""

import base64
import hashlib
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiobotocore.response import AioStreamingBody
from fsspec.implementations.memory import MemoryFileSystem

from lasaft_core import storage
from lasaft_core.errors import SourceForbidden, SourceGone, StoreError, StoreUnavailable
from lasaft_core.storage import s3 as s3_store

ODD_NAMES = [
    "two words.wav",
    'it\'s "quoted".wav',
    "emoji 😀 é.wav",
    "50%25.wav",
    "50%.wav",
    "so..far..wav",
    "..hidden.wav",
    "nested/a/b/c.wav",
    "hash#tag.wav",
    "what?.wav",
    "what?versionId=3.wav",
    "plus+and&equals=.wav",
    "[a-z]*.wav",
    " leading and trailing ",
    "~tilde.wav",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_survives_put_list_stat_and_fetch(place: str, tmp_path: Path, name: str) -> None:
    content = name.encode()
    (tmp_path / "up").write_bytes(content)
    uri = storage.join(place, "songs", name) if name.strip() == name else f"{place}/songs/{name}"

    storage.put(tmp_path / "up", uri)
    (found,) = storage.list_objects(storage.join(place, "songs"))
    fetched = storage.fetch(found.uri, tmp_path / "down", expected=found)

    assert found.uri == uri
    assert found == storage.stat(uri)
    assert (tmp_path / "down").read_bytes() == content
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    assert (fetched.size, fetched.etag) == (len(content), found.etag)


def test_odd_names_do_not_shadow_each_other(place: str) -> None:
    for name in ODD_NAMES:
        storage.put_bytes(name.encode(), f"{place}/songs/{name}")

    assert storage.list_names(f"{place}/songs") == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert storage.read_bytes(f"{place}/songs/{name}") == name.encode()


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("s3://songs/a b%20#?/", "s3://songs/a b%20#?"),
        ("S3A://songs", "s3://songs"),
        ("/data//x/../y/", "file:///data/y"),
        ("file:///data/50%25.wav", "file:///data/50%25.wav"),
        ("gs://songs/x/", "gs://songs/x"),
    ],
)
def test_canonical_uri(url: str, canonical: str) -> None:
    assert storage.canonical_uri(url) == canonical
    assert storage.canonical_uri(canonical) == canonical


def test_canonical_uri_of_a_relative_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert storage.canonical_uri("songs") == f"file://{tmp_path}/songs"
    assert storage.canonical_uri("~/songs") == f"file://{Path.home()}/songs"


@pytest.mark.parametrize("url", ["s3://", "s3:///key", ""])
def test_a_url_without_a_place_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"no bucket|empty path"):
        storage.canonical_uri(url)


def test_listing_a_prefix_is_listing_a_folder(place: str) -> None:
    for name in ("a/1", "a/b/2", "ab/3", "a.wav"):
        storage.put_bytes(b"x", storage.join(place, name))

    assert [found.uri for found in storage.list_objects(f"{place}/a.wav")] == [f"{place}/a.wav"]
    assert storage.list_names(f"{place}/a") == ["1", "b/2"]
    assert storage.list_names(f"{place}/a/") == ["1", "b/2"]
    assert storage.list_names(f"{place}/nothing") == []


def test_listing_goes_on_past_a_page(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_store, "_PAGE_OBJECTS", 3)
    for number in range(10):
        storage.put_bytes(b"", f"{s3}/many/{number:04}")

    assert storage.list_names(f"{s3}/many") == [f"{number:04}" for number in range(10)]


def test_a_missing_bucket_is_one_clear_line(s3: str) -> None:
    del s3
    for attempt in (
        storage.check_source,
        storage.check_dest,
        lambda uri: [*storage.list_objects(uri)],
    ):
        with pytest.raises(StoreError, match=r"s3://no-such-bucket/x: got NoSuchBucket") as caught:
            attempt("s3://no-such-bucket/x")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "code"),
    [
        ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId"),
    ],
)
def test_wrong_credentials_are_one_clear_line(
    s3: str, monkeypatch: pytest.MonkeyPatch, variable: str, code: str
) -> None:
    monkeypatch.setenv(variable, "wrong")

    with pytest.raises(StoreError, match=f"got {code}.*check the credentials") as caught:
        storage.check_source(s3)
    assert "\n" not in str(caught.value)


def test_absent_credentials_are_one_clear_line(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(StoreError, match="locate credentials; check the credentials"):
        storage.check_source(s3)


class _Clock(threading.Event):
    """Time passes by waiting alone, and nobody has to."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr("lasaft_core.storage.patience.monotonic", lambda: clock.now)
    return clock


def test_an_unreachable_store_is_given_up_soon(
    s3: str, monkeypatch: pytest.MonkeyPatch, clock: _Clock
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with (
        storage.patient_for(stop=clock),
        pytest.raises(StoreError, match=r"can't list .*check AWS_ENDPOINT_URL"),
    ):
        storage.check_source(s3)
    assert 3 < clock.now <= 8


def test_an_unknown_kind_of_url_is_refused() -> None:
    with pytest.raises(StoreError, match="gopher"):
        storage.check_source("gopher://host/songs")


def test_a_store_without_conditional_puts_is_told_apart() -> None:
    from botocore.exceptions import ClientError

    from lasaft_core.storage.access import refusing

    answer = {"Error": {"Code": "NotImplemented"}, "ResponseMetadata": {"HTTPStatusCode": 501}}
    with (
        pytest.raises(StoreError, match=r"NotImplemented.*use a store that knows conditional puts"),
        refusing("s3://songs", "write to"),
    ):
        raise OSError("a header is not implemented") from ClientError(answer, "PutObject")


def test_a_missing_folder_is_refused_as_source(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't list file:.*/absent: got"):
        storage.check_source(str(tmp_path / "absent"))


def test_a_user_without_read_may_list_but_not_fetch(
    s3_user_without_read: str, tmp_path: Path
) -> None:
    uri = f"{s3_user_without_read}/song.wav"
    storage.put_bytes(b"sound", uri)

    (found,) = storage.list_objects(s3_user_without_read)
    with pytest.raises(SourceForbidden, match=r"song\.wav may not be read: got AccessDenied"):
        storage.fetch(uri, tmp_path / "song", expected=found)
    with pytest.raises(StoreError, match="can't write to"):
        storage.check_dest(s3_user_without_read)


def test_fetch_of_what_is_gone_or_changed(place: str, tmp_path: Path) -> None:
    uri = f"{place}/song.wav"
    storage.put_bytes(b"first", uri)
    if place.startswith("file://"):  # two writes at once may have one mtime
        os.utime(uri.removeprefix("file://"), (0, 0))
    listed = storage.stat(uri)

    storage.put_bytes(b"other", uri)
    with pytest.raises(SourceGone, match="changed since it was listed"):
        storage.fetch(uri, tmp_path / "song", expected=listed)
    storage.remove(uri)
    with pytest.raises(SourceGone, match="not there any more"):
        storage.fetch(uri, tmp_path / "song", expected=listed)
    assert not storage.exists(uri)
    storage.remove(uri)


def test_what_vanishes_while_a_folder_is_listed_hides_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"sound")
    is_file = Path.is_file

    def vanishing(path: Path) -> bool:
        found = is_file(path)
        if path.name == "b":
            path.unlink()
        return found

    monkeypatch.setattr(Path, "is_file", vanishing)
    assert storage.list_names(str(tmp_path)) == ["a", "c"]


def test_a_rename_keeps_a_local_etag(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"sound")
    before = storage.stat(str(tmp_path / "a"))

    (tmp_path / "a").rename(tmp_path / "b")

    assert storage.stat(str(tmp_path / "b")).etag == before.etag


def test_a_local_put_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(StoreUnavailable, match="can't write"):
        storage.put(tmp_path / "absent", str(tmp_path / "out" / "song"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_of_several_parts_is_put_whole(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "_PART_BYTES", 5 << 20)
    content = os.urandom(12 << 20)
    (tmp_path / "up").write_bytes(content)

    storage.put(tmp_path / "up", f"{s3}/large")
    listed = storage.stat(f"{s3}/large")
    fetched = storage.fetch(f"{s3}/large", tmp_path / "down", expected=listed)

    assert listed.etag.endswith("-3")
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()


def test_check_dest_leaves_nothing_and_finds_conditional_creation(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage.check_dest(f"{place}/out")

    assert storage.list_names(place) == []
    assert caplog.records == []


def test_check_dest_refuses_a_name_that_cannot_hold_a_table(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name without %"):
        storage.check_dest(str(tmp_path / "50%20"))


def test_a_folder_of_another_store_that_cannot_be_listed_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.wav", "b/2.wav"):
        storage.put_bytes(b"sound", f"memory://bucket/closed/{name}")
    plain = MemoryFileSystem.ls

    def ls(self: MemoryFileSystem, path: str, **how: object) -> object:
        if path.endswith("/b"):
            raise PermissionError(path)
        return plain(self, path, **how)

    monkeypatch.setattr(MemoryFileSystem, "ls", ls)
    with pytest.raises(StoreError):
        list(storage.list_objects("memory://bucket/closed"))


def test_other_stores_work_through_fsspec(tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(b"sound")
    storage.check_dest("memory://bucket/out")
    storage.put(tmp_path / "up", "memory://bucket/songs/a b%25#?.wav")

    (found,) = storage.list_objects("memory://bucket/songs")
    fetched = storage.fetch(found.uri, tmp_path / "down", expected=found)

    assert found.uri == "memory://bucket/songs/a b%25#?.wav"
    assert fetched.size == 5
    assert (tmp_path / "down").read_bytes() == b"sound"
    storage.put_bytes(b"longer sound", found.uri)
    with pytest.raises(SourceGone, match="changed"):
        storage.fetch(found.uri, tmp_path / "down", expected=found)


class _Faulty(BaseHTTPRequestHandler):
    """A store that breaks off each body after 1000 bytes, after faults that it was told. The
    client has read them by then: what it has not read, it drops where a connection breaks."""

    content = bytes(range(256)) * 12
    unavailable = False
    checksum = ""
    at_once = 1000
    due: Iterator[tuple[int, str]] = iter(())  # status and code of the first answers
    requests = 0
    has_read = threading.Event()

    def do_GET(self) -> None:
        type(self).requests += 1
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        status, code = (503, "") if self.unavailable else next(self.due, (0, ""))
        if status:
            body = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"v1"')
        self.send_header("Content-Length", str(len(self.content) - start))
        if self.checksum:
            self.send_header("x-amz-checksum-crc32", self.checksum)
        self.has_read.clear()
        self.end_headers()
        self.wfile.write(self.content[start : start + self.at_once])
        self.wfile.flush()
        self.has_read.wait(30)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def faulty_store(monkeypatch: pytest.MonkeyPatch):
    handler = type("Handler", (_Faulty,), {})
    read = AioStreamingBody.read

    async def read_and_tell(body: AioStreamingBody, amt: int | None = None) -> bytes:
        if not handler.at_once:
            handler.has_read.set()  # nothing comes
        block = await read(body, amt)
        handler.has_read.set()
        return block

    monkeypatch.setattr(AioStreamingBody, "read", read_and_tell)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    yield handler
    server.shutdown()
    server.server_close()


def test_a_broken_body_is_gone_on_with(faulty_store, tmp_path: Path) -> None:
    fetched = storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")

    assert (tmp_path / "a.wav").read_bytes() == faulty_store.content
    assert fetched.sha256 == hashlib.sha256(faulty_store.content).hexdigest()
    assert faulty_store.requests == 4


def test_a_body_that_never_comes_is_unavailable(faulty_store, tmp_path: Path) -> None:
    faulty_store.at_once = 0

    with pytest.raises(StoreUnavailable, match=r"can't read s3://songs/a\.wav.*4 connections"):
        storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")
    assert faulty_store.requests == 4


@pytest.mark.parametrize("good", [True, False])
def test_bytes_that_are_not_those_of_the_checksum_are_refused(
    faulty_store, tmp_path: Path, good: bool
) -> None:
    faulty_store.at_once = len(faulty_store.content)
    checksum = zlib.crc32(faulty_store.content) if good else 1
    faulty_store.checksum = base64.b64encode(checksum.to_bytes(4, "big")).decode()

    if good:
        storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")
        assert (tmp_path / "a.wav").read_bytes() == faulty_store.content
    else:
        with pytest.raises(StoreUnavailable, match="none of the 3072 bytes"):
            storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")
    assert faulty_store.requests == (1 if good else 4)


TRANSIENT = [(500, "InternalError"), (503, "SlowDown"), (429, ""), (503, ""), (400, "BadDigest")]


def test_what_passes_is_asked_for_again(faulty_store, tmp_path: Path) -> None:
    faulty_store.at_once = len(faulty_store.content)
    faulty_store.due = iter(TRANSIENT)

    storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")

    assert (tmp_path / "a.wav").read_bytes() == faulty_store.content
    assert faulty_store.requests == len(TRANSIENT) + 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ((403, "AccessDenied"), SourceForbidden),
        ((404, "NoSuchKey"), SourceGone),
        ((400, "InvalidRequest"), StoreUnavailable),
    ],
)
def test_what_stays_is_told_at_once(faulty_store, tmp_path: Path, fault, kind) -> None:
    faulty_store.due = iter([fault] * 9)

    with pytest.raises(kind):
        storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")
    assert faulty_store.requests == 1


def test_a_permanent_503_is_given_up_in_bounded_time(
    faulty_store, tmp_path: Path, clock: _Clock
) -> None:
    faulty_store.unavailable = True

    with (
        storage.patient_for(2.0, stop=clock),
        pytest.raises(StoreUnavailable, match="can't read"),
    ):
        storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")
    assert 4 <= faulty_store.requests <= 5, "twice the pause after each"
    assert clock.now <= 2.0


def test_nobody_waits_for_a_store_once_the_run_is_stopped(faulty_store, tmp_path: Path) -> None:
    faulty_store.unavailable = True
    stop = threading.Event()
    stop.set()

    with storage.patient_for(stop=stop), pytest.raises(StoreUnavailable):
        storage.fetch("s3://songs/a.wav", tmp_path / "a.wav")
    assert faulty_store.requests == 1


def test_a_creation_that_lost_to_its_own_first_try_has_won(s3: str) -> None:
    from lasaft_core.storage.access import open_store

    store, key = open_store(f"{s3}/one")

    assert store.create(b"mine", key)
    assert store.create(b"mine", key), "the answer to the first try may have been lost"
    assert not store.create(b"other", key)


def test_the_catalog_brings_no_torch() -> None:
    code = (
        "import sys, pkgutil, importlib, lasaft_core.catalog as c;"
        "[importlib.import_module(f'lasaft_core.catalog.{m.name}')"
        " for m in pkgutil.iter_modules(c.__path__)];"
        "sys.exit(bool({'torch', 'ray', 'prefect'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
