"""Processes that are there to be killed: forks of one server that has imported everything."""

import os
import signal
from multiprocessing import get_context

from flows.catalog_run import run_catalog
from lasaft_core.catalog.table import CatalogTable

KILLED = -signal.SIGKILL
_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.chaos.mortal", "lasaft_core.separator", "s3fs"])


def outcome_of(target, environment, *arguments):
    """The exit code, or KILLED, of a process that calls `target` in this environment."""
    process = _context.Process(target=_begin, args=(target, environment, arguments))
    process.start()
    process.join(150)
    has_ended = not process.is_alive()
    process.kill()
    assert has_ended
    return process.exitcode


def _begin(target, environment, arguments):
    import torch

    torch.set_num_threads(1)
    os.environ.update(environment)
    target(*arguments)


def run(config):
    run_catalog(config)


def compact(dest):
    CatalogTable.open(dest).compact(least_files=2)
