"""A run on real Ray workers is told to stop: it publishes what is finished and leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import numpy as np
import pytest
import soundfile

from infra.object_store import LocalObjectStore
from lasaft_core import storage
from lasaft_core.catalog.ledger import Ledger
from lasaft_core.catalog.table import CatalogTable
from tests.marked_processes import MARK, processes_of, wait_for_the_end_of_all

CHECKPOINT = Path(__file__).parent.parent / "golden" / "tfc_gpocm_lasaft.ckpt"
SONGS = 40
ALL_SECONDS = 75.0  # 30 on a machine with time to spare; waiting for the store takes over 100


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(SONGS):
        noise = np.random.default_rng(number).uniform(-0.2, 0.2, (3 * 44100, 2))
        soundfile.write(tmp_path / "in" / f"{number}.wav", noise, 44100)
    return tmp_path


@pytest.fixture
def mark() -> Iterator[str]:
    word = uuid4().hex
    yield word
    for pid in processes_of(word):
        os.kill(pid, signal.SIGKILL)


def start(catalog: Path, mark: str, dest: str | None = None) -> subprocess.Popen[str]:
    """Two workers with a thread each, as the command line starts them."""
    arguments = ["run", "--source", f"{catalog}/in", "--dest", dest or f"{catalog}/out"]
    arguments += ["--checkpoint", str(CHECKPOINT), "--targets", "vocals", "--workers", "2"]
    code = "import sys; from flows.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, MARK: mark, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def output_until(run: subprocess.Popen[str], word: str) -> str:
    assert run.stdout is not None
    lines = []
    for line in run.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"ended before {word!r}:\n{''.join(lines)}")


def is_stopped_in_order(
    catalog: Path, mark: str, stop: Callable[[subprocess.Popen[str], str], None]
) -> str:
    """What it printed. Fails unless it ends in time, all that it did is published, all is free."""
    with start(catalog, mark) as run:
        output = output_until(run, "status=done")
        stop(run, output)
        stopped_at = monotonic()
        output += run.communicate(timeout=120)[0]
        seconds = monotonic() - stopped_at
    assert seconds < ALL_SECONDS, output
    assert run.returncode == 1, output
    wait_for_the_end_of_all(mark, ALL_SECONDS - seconds)
    rows = list(CatalogTable.open(str(catalog / "out")).rows())
    assert 0 < len(rows) < SONGS
    assert f"done: {len(rows)}\n" in output
    assert all(storage.stat(stem.uri).size == stem.bytes for row in rows for stem in row.stems)
    ledger = Ledger(str(catalog / "out"))
    ledger.refresh()
    assert ledger.document == {"runs": []}
    return output


@pytest.mark.usefixtures("prefect_api")
def test_the_ui_s_cancel_ends_a_run_in_order_as_cancelled(catalog: Path, mark: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState
    from prefect.states import Cancelling

    cancelled: list[UUID] = []

    def cancel(run: subprocess.Popen[str], output: str) -> None:
        with get_client(sync_client=True) as client:
            running = FlowRunFilterState.model_validate({"type": {"any_": ["RUNNING"]}})
            runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=running))
            (found,) = [run for run in runs if run.deployment_id is None]  # not one of `serve`
            client.set_flow_run_state(found.id, Cancelling())
            cancelled.append(found.id)

    is_stopped_in_order(catalog, mark, cancel)

    with get_client(sync_client=True) as client:
        state = client.read_flow_run(cancelled[0]).state
    assert state.is_cancelled()
    assert state.message == "cancelled; what was done is published"


def test_sigterm_ends_a_run_in_time_though_its_store_does_not_answer(
    catalog: Path, mark: str, s3: str, s3_server: LocalObjectStore, monkeypatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(catalog / "no-profile"))
    with start(catalog, mark, s3) as run:
        output = output_until(run, "status=done")
        s3_server.pause()
        try:
            run.terminate()
            stopped_at = monotonic()
            output += run.communicate(timeout=120)[0]
            wait_for_the_end_of_all(mark, max(1.0, ALL_SECONDS - (monotonic() - stopped_at)))
            assert monotonic() - stopped_at < ALL_SECONDS, output
        finally:
            s3_server.go_on()

    assert run.returncode == 1, output
    assert "finished songs have no rows yet: the next run takes over their stems" in output
    assert "Traceback" not in output
