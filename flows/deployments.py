"""The two deployments of the catalog run: one on a schedule, one on demand with a form."""

import asyncio
import re
import signal
from functools import partial

from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from flows.catalog_runner import CatalogRunner, StopRequest
from flows.params import CatalogParameters
from flows.separate_catalog import separate_catalog
from lasaft_core.errors import InvalidOption, UsageError
from lasaft_core.storage import canonical_uri

SCHEDULED = "scheduled"
ON_DEMAND = "on-demand"
SCHEDULED_AT_ONCE = 1  # one that lasts longer than a day is waited for
ON_DEMAND_AT_ONCE = 2


Deployments = tuple[RunnerDeployment, RunnerDeployment]


def catalog_deployments(parameters: CatalogParameters, *, cron: str, name: str = "") -> Deployments:
    """Both have the given parameters as defaults; on demand each can be changed in the form, and
    the scheduled run makes room. A name tells them from another catalog's at the same server."""
    asked = parameters.model_copy(update={"on_demand": True})
    scheduled = RunnerDeployment.from_flow(
        separate_catalog,
        _named(name, SCHEDULED),
        schedules=[_schedule(cron)],
        parameters={"parameters": parameters.model_dump(mode="json")},
        description=f"Separates what is new at {', '.join(parameters.sources)}.",
        tags=["lasaft-stems"],
    )
    on_demand = RunnerDeployment.from_flow(
        separate_catalog,
        _named(name, ON_DEMAND),
        parameters={"parameters": asked.model_dump(mode="json")},
        description="Separates a catalog or a single song; the run links its stems.",
        tags=["lasaft-stems"],
    )
    _require_what_is_set(scheduled, parameters)
    _require_what_is_set(on_demand, asked)
    return scheduled, on_demand


def _require_what_is_set(deployment: RunnerDeployment, parameters: CatalogParameters) -> None:
    """A run that is asked for with parameters has them in place of all of the deployment's: the API
    shall refuse one that leaves out what would then be another value."""
    form = deployment._parameter_openapi_schema.definitions[CatalogParameters.__name__]
    form["required"] = [
        name
        for name, field in CatalogParameters.model_fields.items()
        if getattr(parameters, name) != field.get_default(call_default_factory=True)
    ]


def check_names(deployments: Deployments, dest: str) -> None:
    """Raises UsageError where the server has one of these names for another destination."""
    with get_client(sync_client=True) as client:
        for deployment in deployments:
            try:
                held = client.read_deployment_by_name(deployment.full_name).parameters
            except ObjectNotFound:
                continue
            held_dest = held.get("parameters", {}).get("dest", dest)
            if canonical_uri(held_dest) != canonical_uri(dest):
                raise UsageError(
                    f"the Prefect server has another catalog as {deployment.full_name}",
                    expected=f"destination {dest}",
                    got=held_dest,
                    remedy="give this one a --name, or delete the other's deployments there",
                )


def serve_deployments(deployments: Deployments) -> None:
    """Blocks until SIGINT or SIGTERM, which end the runs that are under way in order.

    Runs share this machine's processors: the scheduled one, and what is asked for.
    """
    asyncio.run(_serve(*deployments))


async def _serve(scheduled: RunnerDeployment, on_demand: RunnerDeployment) -> None:
    stop = StopRequest()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.ask)
    loop.add_signal_handler(signal.SIGINT, partial(stop.ask, again_is_urgent=True))
    await asyncio.gather(
        CatalogRunner(SCHEDULED_AT_ONCE).serve(scheduled, stop),
        CatalogRunner(ON_DEMAND_AT_ONCE).serve(on_demand, stop),
    )


def _schedule(cron: str) -> CronSchedule:
    try:
        return CronSchedule(cron=cron, timezone="UTC")
    except ValidationError as error:
        raise InvalidOption(
            "--cron", expected='five fields such as "0 2 * * *"', got=repr(cron)
        ) from error


def _named(name: str, kind: str) -> str:
    if not name:
        return kind
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InvalidOption("--name", expected="letters, digits, `_`, `-` and `.`", got=repr(name))
    return f"{name}-{kind}"
