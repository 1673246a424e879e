"""The local S3 server comes, keeps what it was given and goes."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra import object_store
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


def test_a_port_that_was_taken_meanwhile_costs_another_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, draws = object_store._free_ports, []

    def draw_late() -> dict[str, int]:
        draws.append(draw())
        return {**draws[-1], "s3": taken} if len(draws) == 1 else draws[-1]

    monkeypatch.setattr(object_store, "_free_ports", draw_late)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        with LocalObjectStore(tmp_path / "store") as store:
            assert store.create_bucket("songs") == "s3://songs"

    assert len(draws) == 2
