"""The real thing: two Ray workers, a real S3 server, and no process left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from song_folder import CHECKPOINT, noise

from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import join, put, stat
from tests.marked_processes import MARK, wait_for_the_end_of_all


def run_in_a_process_of_its_own(bucket: str, mark: str) -> dict:
    environment = {
        **os.environ,
        MARK: mark,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    environment.pop("RAY_ADDRESS", None)
    script = Path(__file__).with_name("ray_on_s3.py")
    command = [sys.executable, script, bucket]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_bucket_becomes_stems_and_rows_on_ray(songs, s3):
    put(CHECKPOINT, join(s3, "models", CHECKPOINT.name))
    for name in ("a.wav", "folder/b ü%20.wav"):
        put(songs.put(name, noise(seed=len(name))), join(s3, "in", name))
    put(songs.put("a.wav", noise(seed=5)), join(s3, "in", "copy of a.wav"))
    put(songs.source / "a.wav", join(s3, "in", "a.wav"))
    (songs.source / "broken.wav").write_text("no song")
    put(songs.source / "broken.wav", join(s3, "in", "broken.wav"))
    mark = uuid4().hex

    facts = run_in_a_process_of_its_own(s3, mark)

    report = facts["report"]
    assert (report["done"], report["adopted"], report["failed"]) == (3, 1, 1)
    assert facts["handler_kept"]
    wait_for_the_end_of_all(mark)
    rows = {row.source_uri: row for row in CatalogTable.open(join(s3, "out")).rows()}
    assert len(rows) == 4
    for row in rows.values():
        assert all(stat(stem.uri).size == stem.bytes for stem in row.stems)
    a, copy = (rows[join(s3, "in", name)] for name in ("a.wav", "copy of a.wav"))
    assert a.stems == copy.stems
