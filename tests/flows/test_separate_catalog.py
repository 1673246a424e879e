"""The flow on a real Prefect server; the run below it is told what it finds."""

import threading
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from flows.run_records import Failure
from lasaft_core.catalog.processes import identity
from lasaft_core.errors import StoreError
from ray_actors.credentials import SETTINGS
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("prefect_api")
SCRIPTED_LINE = "track=one of another thread"
BROKEN = Failure("s3://bucket/in/broken.wav", "failed", "truncated", "expected 9, got 5 | frames")


@pytest.fixture
def parameters(tmp_path: Path):
    from flows.params import CatalogParameters

    return CatalogParameters(sources=["s3://bucket/in"], dest=str(tmp_path), max_failure_rate=0.5)


def _run(parameters):
    from flows.separate_catalog import separate_catalog

    return separate_catalog(parameters, return_state=True)


def _client():
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def _artifacts(flow_run_id: UUID) -> dict[str, list]:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    found: dict[str, list] = {}
    with _client() as client:
        for artifact in client.read_artifacts(artifact_filter=chosen):
            found.setdefault(artifact.key, []).append(artifact)
    return found


def test_a_run_leaves_a_result_and_artifacts(scripted_run, parameters) -> None:
    scripted_run.failures = (BROKEN,)
    state = _run(parameters)
    assert state.is_completed()
    result = state.result()
    assert (result["done"], result["failed"]) == (2, 1)
    shown = _artifacts(UUID(scripted_run.flow_run_id))
    assert "time: 1:00 (estimate" in shown["catalog-plan"][0].data
    assert "| truncated | 1 |" in shown["catalog-report"][0].data
    assert "broken.wav" in shown["catalog-failures"][0].data
    assert shown["catalog-progress"][0].data == 100.0
    links = {link.description: link.data for link in shown["catalog-stems"]}
    assert set(links) == {
        "s3://bucket/stems/a song/vocals.flac",
        "s3://bucket/stems/done before/vocals.flac",
    }, "its own, and what was there of what was asked for"
    assert "/bucket/stems/a%20song/vocals.flac)" in links["s3://bucket/stems/a song/vocals.flac"]


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "https://s3.us-east-1.amazonaws.com/music/a%20song.flac"),
        (
            {"AWS_DEFAULT_REGION": "eu-central-1"},
            "https://s3.eu-central-1.amazonaws.com/music/a%20song.flac",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_S3": "http://key@minio:9000/"},
            "http://minio:9000/music/a%20song.flac",
        ),
    ],
)
def test_links_lead_to_the_store_that_is_in_use(variables, address, monkeypatch) -> None:
    from flows.stem_links import stem_link

    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert stem_link("s3://music/a song.flac") == address


def test_a_run_tells_the_server_which_process_works_on_it(scripted_run, parameters) -> None:
    _run(parameters)
    with _client() as client:
        run = client.read_flow_run(UUID(scripted_run.flow_run_id))
    assert run.infrastructure_pid == identity()


def test_a_finished_run_stays_one_where_the_table_can_t_be_read_for_its_links(
    scripted_run, parameters, monkeypatch, caplog
) -> None:
    def away(_table, _question):
        raise StoreError("can't read the table")

    monkeypatch.setattr("flows.stem_links.CatalogTable.ask", away)
    state = _run(parameters)
    assert state.is_completed()
    assert "catalog-stems" not in _artifacts(UUID(scripted_run.flow_run_id))
    assert "links_failed error=can't read the table" in caplog.text


def test_a_run_is_four_tasks_and_its_log_arrives(scripted_run, parameters) -> None:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterId,
        LogFilter,
        LogFilterFlowRunId,
    )

    _run(parameters)
    run_id = UUID(scripted_run.flow_run_id)
    runs = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    logs = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
    with _client() as client:
        lines = eventually(
            lambda: [log.message for log in client.read_logs(log_filter=logs)],
            lambda found: SCRIPTED_LINE in found,
            seconds=90,
        )
        names = eventually(
            lambda: [run.name for run in client.read_task_runs(flow_run_filter=runs)],
            lambda found: len(found) >= 4,
            seconds=90,
        )
    assert {name.split("-")[0] for name in names} == {"check", "plan", "separate", "report"}
    assert lines.count(SCRIPTED_LINE) == 1


def test_failures_above_the_allowed_rate_fail_the_run(scripted_run, parameters) -> None:
    from prefect.exceptions import FailedRun

    scripted_run.failures = (BROKEN,) * 3
    state = _run(parameters)
    assert state.is_failed()
    assert state.message == "3 of 5 songs failed, more than is allowed"
    with pytest.raises(FailedRun, match="3 of 5 songs failed"):
        state.result()


def test_a_refused_run_fails_with_one_clear_message(scripted_run, parameters, caplog) -> None:
    scripted_run.refusal = StoreError("no bucket 'bucket'", remedy="create it")
    state = _run(parameters)
    assert state.is_failed()
    assert state.message == "no bucket 'bucket'; create it"
    assert "Traceback" not in caplog.text
    with pytest.raises(StoreError, match="create it"):
        state.result()


def test_cancelling_stops_the_run_and_keeps_what_is_done(
    scripted_run, parameters, monkeypatch
) -> None:
    from prefect.exceptions import CancelledRun
    from prefect.states import Cancelling

    from flows import separate_catalog

    quick = partial(separate_catalog.CancellationWatch, poll_seconds=0.1)
    monkeypatch.setattr(separate_catalog, "CancellationWatch", quick)
    scripted_run.waits_for_stop_seconds = 120.0

    def cancel() -> None:
        while scripted_run.flow_run_id is None:
            threading.Event().wait(0.1)
        with _client() as client:
            client.set_flow_run_state(UUID(scripted_run.flow_run_id), Cancelling())

    canceller = threading.Thread(target=cancel)
    canceller.start()
    state = _run(parameters)
    canceller.join()
    assert state.is_cancelled()
    with pytest.raises(CancelledRun, match="cancelled"):
        state.result()
    with _client() as client:
        stored = client.read_flow_run(UUID(scripted_run.flow_run_id)).state
    assert stored.is_cancelled()
    assert "catalog-report" in _artifacts(UUID(scripted_run.flow_run_id))
