import os
import signal

import pytest

from flows.catalog_job import CatalogJob, current_job, offered
from flows.run_records import Progress, RunConfig


@pytest.fixture
def job(scripted_run, tmp_path) -> CatalogJob:
    scripted_run.waits_for_stop_seconds = 120.0
    job = CatalogJob(RunConfig(sources=("in",), dest=str(tmp_path)))
    job.check()
    job.make_plan()
    return job


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order_and_handlers_come_back(job, number) -> None:
    before = signal.getsignal(number)

    def send_once(progress: Progress) -> None:
        job.listeners.clear()
        os.kill(os.getpid(), number)

    job.listeners.append(send_once)
    job.separate()
    assert job.report.stopped == "cancelled"
    assert job.exit_code == 1
    assert signal.getsignal(number) is before


def test_a_second_interrupt_does_not_wait(job) -> None:
    job.stop.set()
    job.listeners.append(lambda progress: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        job.separate()


def test_a_job_on_offer_is_taken_only_for_its_own_configuration(job) -> None:
    other = RunConfig(sources=("elsewhere",), dest=job.config.dest)
    with offered(job):
        assert current_job(job.config) is job
        assert current_job(other) is not job
    assert current_job(job.config) is not job
