"""The catalog run as plain functions: preflight, plan, execute. No prefect, no ray of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from flows.run_records import Failure, Progress, RunConfig, RunReport

if TYPE_CHECKING:
    from flows.preflight import Prepared
    from lasaft_core.catalog.plan import Estimate, Plan

__all__ = [
    "Failure",
    "Progress",
    "RunConfig",
    "RunReport",
    "execute",
    "make_plan",
    "new_run_id",
    "preflight",
    "run_catalog",
]

OnProgress = Callable[[Progress], None]


def new_run_id() -> str:
    return uuid4().hex


def preflight(config: RunConfig) -> Prepared:
    """Raises a `UsageError` with one clear line for whatever keeps the run from starting."""
    from flows import preflight as checks  # noqa: PLC0415

    return checks.preflight(config)


def make_plan(prepared: Prepared) -> tuple[Plan, Estimate]:
    """Lists the sources and compares with the table; opens no source object."""
    from flows import planning  # noqa: PLC0415

    return planning.make_plan(prepared)


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
    from flows import execution  # noqa: PLC0415

    run = execution.Run(prepared, run_id=run_id, flow_run_id=flow_run_id)
    return run.execute(plan, stop=stop, on_progress=on_progress)


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
    plan, _ = make_plan(prepared)
    return execute(
        prepared,
        plan,
        run_id=run_id or new_run_id(),
        flow_run_id=flow_run_id,
        stop=stop,
        on_progress=on_progress,
    )
