"""The local S3 server comes, keeps what it was given and goes."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.object_store import LocalObjectStore
from lasaft_core import storage


def test_data_outlive_the_server_and_the_server_does_not_outlive_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for visit in range(2):
        with LocalObjectStore(tmp_path / "store") as store:
            for name, value in store.environment().items():
                monkeypatch.setenv(name, value)
            bucket = store.create_bucket("songs")
            assert storage.list_names(bucket) == ["kept"] * visit
            storage.put_bytes(b"sound", f"{bucket}/kept")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(store.endpoint_url).port or 0)) != 0
