"""The demo ends well only when everything is as it must be: each slip costs a line."""

from dataclasses import replace

import pytest

from flows.run_records import RunReport
from infra.demo.catalog import BROKEN_KEY, KNOWN_KEY, SHORT
from infra.demo.verdict import TARGETS, run_complaints, table_complaints

SOURCE = "s3://music/catalog"
FIRST = RunReport(run_id="a", planned={"new": 4}, done=3, failed=1, windows=10)
SECOND = RunReport(run_id="b", planned={"done": 3})


def good_rows() -> dict[str, dict]:
    """{key: row}; both copies of the menu music point to the same stems."""
    stems = [{"target": target, "frames": 7, "uri": target} for target in sorted(TARGETS)]
    done = {"status": "done", "reason": None, "error_message": None, "stems": stems, "frames": 7}
    broken = {**done, "status": "failed", "reason": "truncated", "stems": [], "frames": None}
    rows = {song.key: done for song in SHORT} | {BROKEN_KEY: broken}
    return {key: {**row, "source_uri": f"{SOURCE}/{key}"} for key, row in rows.items()}


def test_nothing_to_say_when_all_is_well():
    assert table_complaints(SOURCE, SHORT, list(good_rows().values())) == []
    assert run_complaints(FIRST, SECOND) == []


@pytest.mark.parametrize(
    ("key", "slip", "told"),
    [
        (KNOWN_KEY, {"status": "failed", "reason": "not_audio"}, "not_audio"),
        (KNOWN_KEY, {"stems": []}, "stems"),
        (KNOWN_KEY, {"frames": 8}, "another length"),
        (BROKEN_KEY, {"status": "done"}, "broken, yet done"),
        ("archive/2009/copy of menu.flac", {"stems": []}, "does not share"),
    ],
)
def test_a_row_that_is_wrong_is_told(key, slip, told):
    rows = good_rows()
    rows[key] |= slip

    found = table_complaints(SOURCE, SHORT, list(rows.values()))

    assert any(key in line and told in line for line in found)


def test_a_missing_row_is_told():
    rows = good_rows()
    del rows[KNOWN_KEY]

    assert f"{KNOWN_KEY}: no row" in table_complaints(SOURCE, SHORT, list(rows.values()))


@pytest.mark.parametrize("slip", [{"windows": 1}, {"source_bytes_read": 1}, {"failed": 1}])
def test_a_second_run_that_does_something_is_told(slip):
    (line,) = run_complaints(FIRST, replace(SECOND, **slip))

    assert "second run did something" in line


def test_a_first_run_without_the_network_is_told():
    assert run_complaints(replace(FIRST, windows=0), SECOND) == ["the first run computed nothing"]
