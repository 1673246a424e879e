"""`lasaft-stems run` as a process of its own, with Ray, and the end of all that it has started."""

import os
import subprocess
import sys
from uuid import uuid4

from lasaft_core.storage import join
from tests.chaos.bucket import TARGETS
from tests.marked_processes import MARK, wait_for_the_end_of_all
from tests.pipeline.song_folder import CHECKPOINT

RUN_SECONDS = 600
GONE_SECONDS = 100.0  # Ray's agents look for their killed cluster for about a minute


def command_of(bucket, *options):
    command = [sys.executable, "-m", "flows.cli", "run", "--workers", "2"]
    command += ["--source", join(bucket.url, "in"), "--dest", bucket.dest]
    command += ["--checkpoint", str(CHECKPOINT), "--targets", ",".join(TARGETS)]
    command += ["--overlap", "0", "--precision", "float32", "--max-failure-rate", "1"]
    return [*command, *options]


def run_whole(bucket, environment, *options, mark=None):
    """The exit code; what it prints is in `run-N.log`. Fails where a process of it lives on, but
    for a `mark` of the caller's, who looks later."""
    ours, number = mark or uuid4().hex, len(list(bucket.folder.glob("run-*.log")))
    streams = {"env": {**os.environ, **environment, MARK: ours}, "stderr": subprocess.STDOUT}
    with (bucket.folder / f"run-{number}.log").open("wb") as log:
        command = command_of(bucket, *options)
        ended = subprocess.run(command, stdout=log, timeout=RUN_SECONDS, check=False, **streams)
    if not mark:
        wait_for_the_end_of_all(ours, GONE_SECONDS)
    return ended.returncode
