"""`lasaft-stems serve` as a process of its own, driven through the API of a Prefect server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import waiting

pytestmark = pytest.mark.timeout(1200)
CHECKPOINT = Path(__file__).parents[1] / "golden" / "tfc_gpocm_lasaft.ckpt"
LOG = "serve.log"
eventually = partial(waiting.eventually, seconds=200)


def _write_song(path: Path, seconds: int) -> None:
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (44100, 2))
    with soundfile.SoundFile(path, "w", 44100, 2) as song:
        for _ in range(seconds):
            song.write(noise)


@pytest.fixture
def served(prefect_api: str, tmp_path: Path) -> Iterator[Path]:
    """A folder whose `in` is served; the process ends with the test."""
    _write_song(tmp_path / "in" / "long.wav", 900)
    catalog = ("--source", tmp_path / "in", "--dest", tmp_path / "out", "--workers", 1)
    network = ("--checkpoint", CHECKPOINT, "--targets", "vocals", "--device", "cpu")
    arguments = map(str, ("serve", *catalog, *network, "--cron", "0 2 * * *"))
    log = (tmp_path / LOG).open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        env={**os.environ, "PREFECT_RUNNER_POLL_FREQUENCY": "1"},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    yield tmp_path
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(120)
    log.close()


def test_a_run_from_the_form_is_cancelled_in_order(served: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        ArtifactFilterFlowRunId,
        DeploymentFilter,
        DeploymentFilterName,
    )
    from prefect.states import Cancelling

    chosen = DeploymentFilter(name=DeploymentFilterName(any_=["on-demand"]))
    with get_client(sync_client=True) as client:

        def deployment():
            for found in client.read_deployments(deployment_filter=chosen):
                if found.parameters["parameters"]["sources"] == [str(served / "in")]:
                    return found
            return None

        run_id = client.create_flow_run_from_deployment(eventually(deployment).id).id
        by_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))

        def shown() -> set[str]:
            return {artifact.key for artifact in client.read_artifacts(artifact_filter=by_run)}

        eventually(lambda: "catalog-progress" in shown())
        client.set_flow_run_state(run_id, Cancelling())

        def final_state():
            state = client.read_flow_run(run_id).state
            return state if state.is_final() else None

        assert eventually(final_state).is_cancelled(), (served / LOG).read_text()
        eventually(lambda: "catalog-report" in shown())  # may come after the state
