"""The runner's decisions; `test_serve.py` has it at work."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from lasaft_core.catalog.processes import identity
from tests.marked_processes import identity_of_the_dead


class DeafProcess:
    """A run that ends by force alone; its slot is free then."""

    def __init__(self) -> None:
        self.borrowed_tokens, self.signals = 1, []

    def get(self, _run_id: str) -> "DeafProcess":
        return self

    def flow_run_ids(self) -> set[str]:
        return {"run"}

    def graceful_kill(self) -> None:
        self.signals.append("SIGTERM")

    def hard_kill(self) -> None:
        self.signals.append("SIGKILL")
        self.borrowed_tokens = 0


@pytest.mark.parametrize(("again", "limit"), [(False, 3.0), (True, 60.0)])
def test_a_run_is_told_once_and_killed_when_its_time_is_up_or_nobody_waits(
    monkeypatch, again, limit
) -> None:
    from flows import catalog_runner

    monkeypatch.setattr(catalog_runner, "END_SECONDS", limit)
    process = DeafProcess()

    async def end() -> None:
        runner = catalog_runner.CatalogRunner(limit=1)
        runner._process_manager = process
        runner._limit_manager = SimpleNamespace(_limiter=process)
        stop = catalog_runner.StopRequest()
        stop.ask(again_is_urgent=True)
        ending = asyncio.create_task(runner._end_runs(stop))
        await asyncio.sleep(0.3)
        assert process.signals == ["SIGTERM"]
        stop.ask(again_is_urgent=again)
        await asyncio.wait_for(ending, 30)

    asyncio.run(end())
    assert process.signals == ["SIGTERM", "SIGKILL"]


def test_a_server_that_is_away_is_asked_again(monkeypatch) -> None:
    from flows.catalog_runner import CatalogRunner

    answers = iter([*[httpx.ConnectError("away")] * 9, asyncio.CancelledError()])

    async def ask() -> None:
        raise next(answers)

    async def poll() -> None:
        runner = CatalogRunner(limit=1)
        runner.query_seconds = 0.0
        runner._scheduled_run_poller = SimpleNamespace(_get_and_submit_flow_runs=ask)
        await runner._poll()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(poll())
    assert next(answers, None) is None


@pytest.mark.usefixtures("prefect_api")
def test_only_a_run_whose_process_died_here_is_an_orphan() -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from flows.deployments import catalog_deployments
    from flows.orphans import crash_orphans
    from flows.params import CatalogParameters

    here = CatalogParameters(sources=["s3://bucket/in"], dest="s3://bucket/orphans")
    deployment_id = catalog_deployments(here, cron="0 2 * * *")[0].apply()
    dead = identity_of_the_dead()
    elsewhere = "/".join(["another boot", *dead.split("/")[1:]])

    async def names_after(processes: list[str]) -> list[str]:
        async with get_client() as client:
            runs = []
            for process in processes:
                run = await client.create_flow_run_from_deployment(deployment_id, state=Running())
                await client.update_flow_run(run.id, infrastructure_pid=process)
                runs.append(run.id)
            await crash_orphans(client, deployment_id)
            return [(await client.read_flow_run(run)).state.name for run in runs]

    names = asyncio.run(names_after([dead, identity(), elsewhere]))
    assert names == ["Crashed", "Running", "Running"]
