"""What tests of several folders share: a real S3 server (one process a session, one bucket a test),
one thread for small networks, and sources of songs."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.object_store import LocalObjectStore
from tests.generated_sources import write_sources


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalObjectStore]:
    """The server; its `restricted` user may list and write but not read."""
    with LocalObjectStore(tmp_path_factory.mktemp("object-store")) as server:
        yield server


@pytest.fixture
def s3(s3_server: LocalObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a fresh bucket, with the environment set for its admin."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server.create_bucket(f"bucket-{uuid.uuid4().hex}")


@pytest.fixture
def s3_user_without_read(
    s3: str, s3_server: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The same bucket, for a user who may list and write but not read."""
    for name, value in s3_server.environment(s3_server.restricted).items():
        monkeypatch.setenv(name, value)
    return s3


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The networks of the tests are so small that more threads only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def sources_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Material that songs are built from: see `write_sources`."""
    root = tmp_path_factory.mktemp("sources")
    write_sources(root)
    return root


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest) -> str:
    """An empty place to keep objects, once as a folder and once as a bucket."""
    if request.param == "local":
        folder = request.getfixturevalue("tmp_path") / "place"
        folder.mkdir()
        return f"file://{folder}"
    return str(request.getfixturevalue("s3"))
