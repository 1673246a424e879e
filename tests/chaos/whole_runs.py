"""`lasaft-stems run` as a process of its own, with Ray, and the end of all that it has started."""

import os
import subprocess
import sys
from contextlib import contextmanager
from uuid import uuid4

from lasaft_core.storage import join
from tests.chaos.bucket import TARGETS
from tests.marked_processes import MARK, wait_for_the_end_of_all
from tests.pipeline.song_folder import CHECKPOINT

RUN_SECONDS = 300
GONE_SECONDS = 30.0


def command_of(bucket, *options):
    command = [sys.executable, "-m", "flows.cli", "run", "--workers", "2"]
    command += ["--source", join(bucket.url, "in"), "--dest", bucket.dest]
    command += ["--checkpoint", str(CHECKPOINT), "--targets", ",".join(TARGETS)]
    command += ["--overlap", "0", "--precision", "float32", "--max-failure-rate", "1"]
    return [*command, *options]


def run_whole(bucket, environment, *options):
    """The exit code; what it prints is in `run-N.log`. Fails where a process of it lives on."""
    with run_under_way(bucket, environment, *options) as process:
        return process.wait(RUN_SECONDS)


@contextmanager
def run_under_way(bucket, environment, *options):
    """The driver's process, which has ended by itself when the block ends; so have its children."""
    mark, number = uuid4().hex, len(list(bucket.folder.glob("run-*.log")))
    streams = {"env": {**os.environ, **environment, MARK: mark}, "stderr": subprocess.STDOUT}
    with (bucket.folder / f"run-{number}.log").open("wb") as log:
        process = subprocess.Popen(command_of(bucket, *options), stdout=log, **streams)
        try:
            yield process
            process.wait(RUN_SECONDS)
        finally:
            process.kill()
            process.wait()
    wait_for_the_end_of_all(mark, GONE_SECONDS)
