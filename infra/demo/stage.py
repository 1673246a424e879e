"""The servers of the demo, the environment that points to them alone, and the filled bucket."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.environment import environment
from infra.demo.prefect_server import LocalPrefectServer
from infra.object_store import LocalObjectStore
from lasaft_core import storage

BUCKET = "music"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where songs lie and stems go, and the Prefect server that watches."""

    source: str
    dest: str
    prefect: LocalPrefectServer

    def fill(self, paths: Mapping[str, Path]) -> None:
        """Puts each file under its key below `source`."""
        for key, path in paths.items():
            storage.put(path, storage.join(self.source, key))


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """Both servers run below `folder`, on loopback, and are gone with the block.

    The S3 server is ready when the block begins; Prefect takes seconds more, meanwhile the bucket
    can be filled: `stage.prefect.wait()` before the first flow.
    """
    with LocalPrefectServer(folder / "prefect") as prefect, LocalObjectStore(folder / "s3") as s3:
        bucket = s3.create_bucket(BUCKET)
        with environment({**s3.environment(), **prefect.client_environment()}):
            yield Stage(f"{bucket}/catalog", f"{bucket}/separated", prefect)
