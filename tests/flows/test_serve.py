"""`lasaft-stems serve` as a process of its own, driven through the API of a Prefect server."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lasaft_core.catalog.ledger import Ledger
from lasaft_core.catalog.table import CatalogTable
from tests import waiting
from tests.marked_processes import identity_of_the_dead
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


@pytest.mark.parametrize(
    ("send", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C in a terminal", "SIGTERM"],
)
def test_a_signal_ends_runs_in_order_and_leaves_the_schedule_on(
    catalog: ServedCatalog, send: Callable[[int, int], None], number: int
) -> None:
    for song in range(200):
        write_song(catalog.folder / "in" / f"{song}.wav", 3)
    with catalog.serving("--executor", "inline"):
        run_id = start_run(catalog.deployment("on-demand"))
        eventually(lambda: catalog.is_at_work)
        send(catalog.process.pid, number)
        assert catalog.process.wait(60) == 0, catalog.log
    scheduled = catalog.deployment("scheduled")
    state = state_of(run_id)
    assert (state.name, state.message) == ("Cancelled", "cancelled; what was done is published")
    assert "asyncio" not in catalog.log
    assert list(CatalogTable.open(str(catalog.folder / "out")).rows())
    ledger = Ledger(str(catalog.folder / "out"))
    ledger.refresh()
    assert ledger.document == {"runs": []}
    assert not scheduled.paused
    assert all(schedule.active for schedule in scheduled.schedules)


def test_a_run_whose_process_died_here_is_crashed_at_the_next_start(catalog: ServedCatalog) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from flows.deployments import catalog_deployments
    from flows.params import CatalogParameters

    write_song(catalog.folder / "in" / "song.wav", 1)
    here = CatalogParameters(sources=[str(catalog.folder)], dest=str(catalog.folder / "out"))
    _, on_demand = catalog_deployments(here, cron="0 2 * * *", name=catalog.name)
    on_demand.apply()
    run_id = start_run(catalog.deployment("on-demand"))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Running(), force=True)
        client.update_flow_run(run_id, infrastructure_pid=identity_of_the_dead())
    with catalog.serving():
        state = eventually(partial(state_of, run_id), lambda state: state.is_final())
    assert state.is_crashed()
