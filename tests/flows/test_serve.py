"""`lasaft-stems serve` as a process of its own, driven through the API of a Prefect server."""

import signal
from functools import partial
from pathlib import Path

import pytest

from tests import waiting
from tests.served_catalog import ServedCatalog, start_run, state_of, write_song

pytestmark = [pytest.mark.timeout(1200), pytest.mark.usefixtures("prefect_api")]
eventually = partial(waiting.eventually, seconds=200)


@pytest.fixture
def catalog(tmp_path: Path) -> ServedCatalog:
    return ServedCatalog(tmp_path)


def test_a_run_from_the_form_is_cancelled_in_order(catalog: ServedCatalog) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
    from prefect.states import Cancelling

    write_song(catalog.folder / "in" / "long.wav", 900)
    with catalog.serving(), get_client(sync_client=True) as client:
        run_id = start_run(catalog.deployment("on-demand"))
        by_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))

        def shown() -> set[str]:
            return {artifact.key for artifact in client.read_artifacts(artifact_filter=by_run)}

        eventually(lambda: "catalog-progress" in shown())
        client.set_flow_run_state(run_id, Cancelling())
        state = eventually(partial(state_of, run_id), lambda state: state.is_final())
        assert state.is_cancelled(), catalog.log
        eventually(lambda: "catalog-report" in shown())  # may come after the state


def test_ctrl_c_leaves_the_schedule_on_for_the_next_instance(catalog: ServedCatalog) -> None:
    from prefect.client.orchestration import get_client

    write_song(catalog.folder / "in" / "long.wav", 900)
    with catalog.serving("--executor", "inline"), get_client(sync_client=True) as client:
        run_id = start_run(catalog.deployment("on-demand"))
        eventually(partial(state_of, run_id), lambda state: state.is_running())
        catalog.process.send_signal(signal.SIGINT)
        catalog.process.wait(120)
        scheduled = client.read_deployment_by_name("separate-catalog/scheduled")
    assert not scheduled.paused
    assert all(schedule.active for schedule in scheduled.schedules)
