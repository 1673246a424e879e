"""A process is killed at each step of publication, at the request that makes the step."""

import pytest

from lasaft_core.catalog.table import CatalogTable
from tests.chaos.fault_proxy import Rule
from tests.chaos.mortal import KILLED, compact, outcome_of, run

FIRST_STEM, SECOND_STEM = r"/vocals\.flac$", r"/drums\.flac$"
DESCRIPTION, ROWS = r"/track\.json$", r"/catalog/[^_].*\.parquet$"
TABLE_MADE, COMMITTED = r"/_delta_log/0+\.json$", r"/_delta_log/0+1\.json$"
COMPACTED = r"/_delta_log/0+3\.json$"
STEPS = {  # the request, whether it is carried out, whether the separation is lost with the process
    "the destination is probed": (r"/\.probes/", "kill after", True),
    "before any stem": (FIRST_STEM, "kill before", True),
    "between two stems": (SECOND_STEM, "kill before", True),
    "after the stems, before they are described": (DESCRIPTION, "kill before", True),
    "described, no result yet": (DESCRIPTION, "kill after", False),
    "before there is a table": (TABLE_MADE, "kill before", False),
    "an empty table": (TABLE_MADE, "kill after", False),
    "before the rows": (ROWS, "kill before", False),
    "the rows are there, not committed": (ROWS, "kill after", False),
    "before the commit": (COMMITTED, "kill before", False),
    "committed, not told": (COMMITTED, "kill after", False),
}


@pytest.mark.parametrize(("path", "fault", "is_lost"), STEPS.values(), ids=STEPS)
def test_a_run_killed_at_a_step_is_finished_by_the_next(
    bucket, proxied, monkeypatch, path, fault, is_lost
):
    proxy, environment = proxied
    monkeypatch.setattr("lasaft_core.storage.probing.LEFT_SECONDS", 0.0)
    bucket.put_song("a.wav", seed=1)
    bucket.put_text("b.wav")
    proxy.add(Rule("PUT", path, fault))

    assert outcome_of(run, environment, bucket.config()) == KILLED
    seen_meanwhile, _ = bucket.findings()
    report = bucket.run()

    assert seen_meanwhile == []
    assert (report.windows > 0) == is_lost
    statuses = {name: row.status for name, row in bucket.rows().items()}
    assert statuses == {"a.wav": "done", "b.wav": "failed"}
    bucket.repair()
    assert bucket.litter() == []


@pytest.mark.parametrize("fault", ["kill before", "kill after"])
@pytest.mark.parametrize("path", [ROWS, COMPACTED], ids=["file", "commit"])
def test_a_table_whose_compaction_is_killed_keeps_its_rows(bucket, proxied, path, fault):
    proxy, environment = proxied
    for seed in (1, 2):
        bucket.put_song(f"{seed}.wav", seed)
        bucket.run()
    before = bucket.rows()
    proxy.add(Rule("PUT", path, fault))

    assert outcome_of(compact, environment, bucket.dest) == KILLED

    assert bucket.rows() == before
    is_compacted = (path, fault) == (COMPACTED, "kill after")
    assert CatalogTable.open(bucket.dest).version == (3 if is_compacted else 2)
