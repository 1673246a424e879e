"""One catalog run as steps that share their state, with or without Prefect around them.

The command line runs the steps in a row; the flow runs each as a task. A command that starts the
flow in its own process hands it a job of its own, so that its progress bar hears of it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from flows import catalog_run
from flows.interruption import Interruption
from flows.run_records import Progress, RunConfig, RunReport

if TYPE_CHECKING:
    from flows.preflight import Prepared
    from lasaft_core.catalog.estimate import Estimate
    from lasaft_core.catalog.plan import Plan

OnProgress = Callable[[Progress], None]


class CatalogJob:
    """`check`, `make_plan` and `separate`, in this order; each needs what the one before found."""

    prepared: "Prepared"
    plan: "Plan"
    estimate: "Estimate"
    report: RunReport

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.run_id = catalog_run.new_run_id()
        self.stop = threading.Event()
        self.listeners: list[OnProgress] = []

    def check(self, *, writes: bool = True) -> None:
        """A job that has been checked isn't checked again by the flow that it is offered to.

        Without `writes` nothing is left at the destination: enough for `make_plan`.
        """
        if not hasattr(self, "prepared"):
            self.prepared = catalog_run.preflight(self.config, writes=writes)

    def make_plan(self) -> None:
        """Of what was listed until `stop` was set."""
        self.plan, self.estimate = catalog_run.make_plan(self.prepared, stop=self.stop)

    def separate(self, flow_run_id: str | None = None) -> None:
        """A signal sets `stop`: what is done is kept and reported."""
        with Interruption(self.stop):
            self.report = catalog_run.execute(
                self.prepared,
                self.plan,
                run_id=self.run_id,
                flow_run_id=flow_run_id,
                stop=self.stop,
                on_progress=self._tell,
            )

    def _tell(self, progress: Progress) -> None:
        for listener in self.listeners:
            listener(progress)

    @property
    def is_reported(self) -> bool:
        return hasattr(self, "report")

    @property
    def exit_code(self) -> int:
        return self.report.exit_code(self.config.max_failure_rate)


_offered: ContextVar[CatalogJob | None] = ContextVar("offered_job", default=None)


@contextmanager
def offered(job: CatalogJob) -> Iterator[None]:
    """Within this context the flow works on this job."""
    token = _offered.set(job)
    try:
        yield
    finally:
        _offered.reset(token)


def current_job(config: RunConfig) -> CatalogJob:
    """The job on offer if it is of this configuration, else a new one."""
    job = _offered.get()
    return job if job is not None and job.config == config else CatalogJob(config)
