"""One real Prefect server for all tests of the flow, and a run that is quick because it is told
what it finds."""

import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from flows import catalog_run
from flows.run_records import Failure, Progress, RunConfig, RunReport
from infra.demo.prefect_server import LocalPrefectServer
from lasaft_core.catalog.estimate import Estimate
from lasaft_core.catalog.plan import Plan
from lasaft_core.catalog.rows import StemRow, TrackRow
from lasaft_core.catalog.table import CatalogTable

FINGERPRINT = "f" * 64


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPrefectServer]:
    with LocalPrefectServer(tmp_path_factory.mktemp("prefect")) as server:
        server.wait()
        yield server


@pytest.fixture
def prefect_api(
    prefect_server: LocalPrefectServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Prefect's settings point to the server for the time of one test."""
    before = {name: os.environ.get(name) for name in prefect_server.client_environment()}
    with monkeypatch.context() as patch:
        for name, value in prefect_server.client_environment().items():
            patch.setenv(name, value)
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
        yield prefect_server.api_url
    assert {name: os.environ.get(name) for name in before} == before
    refresh_global_settings_context()


class ScriptedRun:
    """Stands in for preflight, plan and execution; the table that it publishes to is real."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.failures: tuple[Failure, ...] = ()
        self.waits_for_stop_seconds = 0.0
        self.flow_run_id: str | None = None

    def preflight(self, config: RunConfig, *, writes: bool = True) -> SimpleNamespace:
        if self.refusal:
            raise self.refusal
        return SimpleNamespace(config=config, fingerprint=FINGERPRINT)

    def make_plan(self, prepared: SimpleNamespace, *, stop) -> tuple[Plan, Estimate]:
        return Plan((), done=3), Estimate(120.0, 5_000_000, 60.0, is_default=False)

    def execute(self, prepared, plan, *, run_id, flow_run_id, stop, on_progress) -> RunReport:
        self.flow_run_id = flow_run_id
        on_progress(Progress(0, 2, 0.0, 120.0, 0, 0.0))
        line = "track=one of another thread"
        thread = threading.Thread(target=logging.getLogger("flows.scripted").info, args=(line,))
        thread.start()
        thread.join()
        cancelled = self.waits_for_stop_seconds and stop.wait(self.waits_for_stop_seconds)
        CatalogTable.open(prepared.config.dest).publish(
            [_row(run_id), _row("another", "done before"), _row("another", "x", "elsewhere")]
        )
        on_progress(Progress(2, 2, 118.0, 120.0, 0, 1.0))
        return RunReport(
            run_id,
            planned={"new": 2},
            done=2,
            failed=len(self.failures),
            failures=self.failures,
            reasons=Counter(failure.reason for failure in self.failures),
            audio_seconds=118.0,
            elapsed_seconds=1.0,
            stopped="cancelled" if cancelled else None,
        )


def _row(run_id: str, name: str = "a song", folder: str = "in") -> TrackRow:
    stem = StemRow(
        target="vocals",
        uri=f"s3://bucket/stems/{name}/vocals.flac",
        sha256="0" * 64,
        bytes=10,
        frames=10,
        sample_rate=44100,
        channels=2,
        codec="flac",
    )
    return TrackRow(
        source_uri=f"s3://bucket/{folder}/{name}.wav",
        source_etag="e",
        source_bytes=10,
        content_sha256="0" * 64,
        work_id="0" * 64,
        status="done",
        stems=(stem,),
        model_name="tiny",
        model_fingerprint=FINGERPRINT,
        run_id=run_id,
    )


@pytest.fixture
def scripted_run(monkeypatch: pytest.MonkeyPatch) -> ScriptedRun:
    run = ScriptedRun()
    for step in ("preflight", "make_plan", "execute"):
        monkeypatch.setattr(catalog_run, step, getattr(run, step))
    return run
