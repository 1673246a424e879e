"""Deployments as the API of a real Prefect server stores them."""

import pytest

from flows.params import CatalogParameters
from lasaft_core.errors import InvalidOption, UsageError

PARAMETERS = CatalogParameters(sources=["s3://bucket/in"], dest="s3://bucket/out", overlap=0.5)


def _stored(deployment):
    from prefect.client.orchestration import get_client

    deployment_id = deployment.apply()
    with get_client(sync_client=True) as client:
        return client.read_deployment(deployment_id)


@pytest.mark.usefixtures("prefect_api")
def test_the_form_reaches_the_api_with_descriptions_and_limits() -> None:
    from flows.deployments import catalog_deployments

    _, on_demand = catalog_deployments(PARAMETERS, cron="0 2 * * *")
    stored = _stored(on_demand)
    assert not stored.schedules
    assert stored.enforce_parameter_schema
    form = stored.parameter_openapi_schema["definitions"]["CatalogParameters"]["properties"]
    assert (form["overlap"]["minimum"], form["overlap"]["maximum"]) == (0.0, 0.5)
    assert form["bit_depth"]["enum"] == [16, 24, 32]
    assert all(field["description"] for field in form.values())
    assert stored.parameters["parameters"]["overlap"] == 0.5
    assert stored.parameters["parameters"]["on_demand"]


@pytest.mark.usefixtures("prefect_api")
def test_the_cron_schedule_makes_runs() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

    from flows.deployments import catalog_deployments

    scheduled, _ = catalog_deployments(PARAMETERS, cron="0 2 * * *")
    stored = _stored(scheduled)
    (schedule,) = stored.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 2 * * *", "UTC")
    with get_client(sync_client=True) as client:
        client._client.post(f"/deployments/{stored.id}/schedule", json={"min_runs": 2})
        chosen = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[stored.id]))
        runs = client.read_flow_runs(flow_run_filter=chosen)
    assert not stored.parameters["parameters"]["on_demand"]
    times = [run.expected_start_time for run in runs if run.auto_scheduled]
    assert len(times) >= 2
    assert {time.hour for time in times} == {2}


@pytest.mark.usefixtures("prefect_api")
def test_no_run_holds_a_slot_at_the_server_not_even_of_an_earlier_registration() -> None:
    """The server forgets its leases when it restarts: it would crash a run, or start none again."""
    from flows.deployments import catalog_deployments

    scheduled, _ = catalog_deployments(PARAMETERS, cron="0 2 * * *")
    earlier = scheduled.model_copy(update={"concurrency_limit": 1})
    assert _stored(earlier).global_concurrency_limit.limit == 1
    assert _stored(scheduled).global_concurrency_limit is None


@pytest.mark.usefixtures("prefect_api")
def test_the_api_refuses_a_value_outside_its_limits() -> None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from flows.deployments import catalog_deployments

    _, on_demand = catalog_deployments(PARAMETERS, cron="0 2 * * *")
    stored = _stored(on_demand)
    wrong = {"parameters": {**stored.parameters["parameters"], "overlap": 0.9}}
    with (
        get_client(sync_client=True) as client,
        pytest.raises(PrefectHTTPStatusError, match="overlap"),
    ):
        client.create_flow_run_from_deployment(stored.id, parameters=wrong)


@pytest.mark.usefixtures("prefect_api")
def test_the_api_refuses_a_run_that_leaves_out_what_the_deployment_sets() -> None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from flows.deployments import catalog_deployments

    _, on_demand = catalog_deployments(PARAMETERS, cron="0 2 * * *")
    stored = _stored(on_demand)
    needed = {"sources": ["s3://bucket/a"], "dest": "s3://bucket/out"}
    needed |= {"overlap": 0.5, "on_demand": True}
    with get_client(sync_client=True) as client:
        for left_out in needed:
            part = {name: value for name, value in needed.items() if name != left_out}
            with pytest.raises(PrefectHTTPStatusError, match=f"{left_out}.* required"):
                client.create_flow_run_from_deployment(stored.id, parameters={"parameters": part})
        run = client.create_flow_run_from_deployment(stored.id, parameters={"parameters": needed})
    assert run.parameters == {"parameters": needed}


@pytest.mark.usefixtures("prefect_api")
def test_a_name_that_has_another_destination_is_refused_and_another_name_is_free() -> None:
    from flows.deployments import catalog_deployments, check_names

    cron = "0 2 * * *"
    first = catalog_deployments(PARAMETERS, cron=cron, name="music")
    assert [deployment.name for deployment in first] == ["music-scheduled", "music-on-demand"]
    for deployment in first:
        deployment.apply()
    check_names(first, "s3://bucket/out/")
    with pytest.raises(UsageError, match="got s3://bucket/out; give this one a --name"):
        check_names(first, "s3://bucket/elsewhere")
    check_names(catalog_deployments(PARAMETERS, cron=cron, name="speech"), "s3://bucket/elsewhere")


@pytest.mark.parametrize("name", ["a/b", "50%", " ", "-x"])
def test_a_name_that_prefect_would_not_take_is_wrong_use(name: str) -> None:
    from flows.deployments import catalog_deployments

    with pytest.raises(InvalidOption, match="--name"):
        catalog_deployments(PARAMETERS, cron="0 2 * * *", name=name)


@pytest.mark.parametrize("cron", ["tomorrow", "99 2 * * *", "@reboot", ""])
def test_an_impossible_cron_is_wrong_use(cron: str) -> None:
    from flows.deployments import catalog_deployments

    with pytest.raises(InvalidOption, match="five fields"):
        catalog_deployments(PARAMETERS, cron=cron)
