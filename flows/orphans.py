"""Flow runs that are running, as the Prefect server has it, while nobody works on them any more.

A run that is killed can't report its end. Each run therefore leaves its process's identity at the
server, so that who serves the deployment next on the same machine sees that it is gone. Of a run on
another machine that can't be told: it is left as it is.
"""

import logging
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import PrefectException
from prefect.states import Crashed

from lasaft_core.catalog.processes import identity, is_dead

_UNDER_WAY: Final = [StateType.RUNNING, StateType.CANCELLING]

logger = logging.getLogger(__name__)


def note_process(flow_run_id: str) -> None:
    """This process works on the run. A server that does not answer costs a warning."""
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(UUID(flow_run_id), infrastructure_pid=identity())
    except (httpx.HTTPError, PrefectException) as error:
        logger.warning("process_not_noted error=%r", error)


async def crash_orphans(client: PrefectClient, deployment_id: UUID) -> None:
    """Ends the deployment's runs whose processes were here and are gone."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY))
    deployment = FlowRunFilterDeploymentId(any_=[deployment_id])
    chosen = FlowRunFilter(deployment_id=deployment, state=states)
    for run in await client.read_flow_runs(flow_run_filter=chosen):
        if is_dead(run.infrastructure_pid or ""):
            logger.warning("crashed flow_run=%s process=%s", run.id, run.infrastructure_pid)
            state: State[None] = Crashed(message="its process died before it could report")
            await client.set_flow_run_state(run.id, state, force=True)
