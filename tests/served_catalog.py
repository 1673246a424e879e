"""A folder of songs served by `lasaft-stems serve`, a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import soundfile

from tests.waiting import eventually

CHECKPOINT = Path(__file__).parent / "golden" / "tfc_gpocm_lasaft.ckpt"
SCHEDULE = ("--cron", "0 2 * * *")
START_SECONDS = 200.0


def write_song(path: Path, seconds: int) -> None:
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (44100, 2))
    with soundfile.SoundFile(path, "w", 44100, 2) as song:
        for _ in range(seconds):
            song.write(noise)


class ServedCatalog:
    """Songs are read from `in` and written to `out`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = uuid4().hex
        self.log_path = folder / "serve.log"
        self.process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def is_at_work(self) -> bool:
        """A first song is whole."""
        return any(self.folder.glob("out/stems/**/track.json"))

    @contextmanager
    def serving(self, *more: object) -> Iterator[None]:
        """Until the block ends, or the process before."""
        catalog = ("--source", self.folder / "in", "--dest", self.folder / "out", "--workers", 1)
        network = ("--checkpoint", CHECKPOINT, "--targets", "vocals", "--device", "cpu")
        arguments = map(str, ("serve", *catalog, *network, *SCHEDULE, "--name", self.name, *more))
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", *arguments],
                env={**os.environ, "PREFECT_RUNNER_POLL_FREQUENCY": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
        finally:
            self.process.terminate()
            self.process.wait(120)

    def deployment(self, kind: str):
        """As the API has it, once it is registered."""
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        def found():
            with get_client(sync_client=True) as client, suppress(ObjectNotFound):
                return client.read_deployment_by_name(f"separate-catalog/{self.name}-{kind}")
            assert self.process.poll() is None, self.log
            return None

        return eventually(found, seconds=START_SECONDS)


def start_run(deployment, **changes: object) -> UUID:
    """As the form does: all parameters of the deployment, some of them changed."""
    from prefect.client.orchestration import get_client

    parameters = {**deployment.parameters["parameters"], **changes}
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            deployment.id, parameters={"parameters": parameters}
        )
    return run.id


def state_of(run_id: UUID):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id).state
