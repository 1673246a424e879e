"""The runner's decisions; `test_serve.py` has it at work."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from lasaft_core.catalog.processes import identity
from tests.marked_processes import identity_of_the_dead


def test_only_a_second_ctrl_c_does_not_wait() -> None:
    from flows.catalog_runner import StopRequest

    async def asked(*urgent: bool) -> bool:
        stop = StopRequest()
        for again_is_urgent in urgent:
            stop.ask(again_is_urgent=again_is_urgent)
        await stop.wait()
        return stop.is_over(60.0)

    assert not asyncio.run(asked(True))
    assert not asyncio.run(asked(True, False))
    assert asyncio.run(asked(False, True))


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
