"""The catalog run as plain functions: preflight, plan, execute. No prefect, no ray of its own.

preflight   refuses what can't work, resolves what is left open      flows/preflight.py
make_plan   lists the sources, compares with the table               flows/planning.py
execute     separates on the workers, publishes row by row           flows/execution.py
"""

import threading
from uuid import uuid4

from flows.execution import Execution, OnProgress, run_pool
from flows.planning import make_plan
from flows.preflight import Prepared, preflight
from flows.run_records import Failure, Progress, RunConfig, RunReport
from lasaft_core.catalog.plan import Plan

__all__ = [
    "Failure",
    "OnProgress",
    "Prepared",
    "Progress",
    "RunConfig",
    "RunReport",
    "execute",
    "make_plan",
    "new_run_id",
    "preflight",
    "run_catalog",
]


def new_run_id() -> str:
    return uuid4().hex


def execute(
    prepared: Prepared,
    plan: Plan,
    *,
    run_id: str,
    flow_run_id: str | None = None,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Separates and publishes what is planned; `stop` ends it early, with what is done kept."""
    report = RunReport(run_id, planned={}, model_fingerprint=prepared.fingerprint)
    run = Execution(prepared, plan, report, stop, on_progress)
    return run.carry_out(run_pool(prepared, run_id, flow_run_id))


def run_catalog(
    config: RunConfig,
    *,
    run_id: str | None = None,
    flow_run_id: str | None = None,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Preflight, plan, separate and publish in one call."""
    prepared = preflight(config)
    plan, _ = make_plan(prepared, stop=stop)
    return execute(
        prepared,
        plan,
        run_id=run_id or new_run_id(),
        flow_run_id=flow_run_id,
        stop=stop,
        on_progress=on_progress,
    )
