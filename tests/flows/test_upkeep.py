"""`verify`, `forget` and `prune` on a destination whose stems are made up."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from deltalake import DeltaTable

from flows.cli import main
from flows.commands import verify
from lasaft_core import storage
from lasaft_core.catalog import removal, verification
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import delta_storage_options, delta_uri
from tests.made_songs import put_stems


@pytest.fixture(autouse=True)
def nobody_else_is_at_work(monkeypatch):
    monkeypatch.setattr(verification.time, "sleep", lambda _: None)


@pytest.fixture
def rows(place, tmp_path):
    """Two songs with rows and an attempt without one."""
    rows = [put_stems(tmp_path, place, number) for number in (1, 2)]
    put_stems(tmp_path, place, 3)
    CatalogTable.open(place).publish(rows)
    return rows


def call(capsys, *arguments):
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_verify_says_what_is_wrong_and_repairs_it(place, rows, capsys):
    storage.remove(rows[0].stems[1].uri)
    assert main(["verify", "--dest", place]) == 1
    printed = capsys.readouterr()
    assert "s3://in/1.wav" in printed.err
    assert "missing" in printed.err
    assert (
        "2 rows with 4 stems, 1 of them broken; 3 attempts, 0 orphans, 1 too young" in printed.out
    )

    code, facts = call(capsys, "verify", "--dest", place, "--repair", "--grace-hours", "0")
    assert (code, facts["rows_withdrawn"], facts["orphans_removed"]) == (0, 1, 1)
    code, facts = call(
        capsys, "verify", "--dest", place, "--deep", "--repair", "--grace-hours", "0"
    )
    assert (code, facts["rows"], facts["orphans_removed"]) == (0, 1, 1)
    code, facts = call(capsys, "verify", "--dest", place, "--deep", "--grace-hours", "0")
    assert (code, facts["broken"], facts["orphans"]) == (0, [], [])


def test_verify_puts_a_lost_description_anew(place, rows, capsys):
    folder = rows[0].stems[0].uri.rpartition("/")[0]
    storage.remove(f"{folder}/track.json")
    assert main(["verify", "--dest", place]) == 1
    printed = capsys.readouterr()
    assert f"{folder} has lost its track.json" in printed.err
    assert "1 without their track.json" in printed.out

    code, facts = call(capsys, "verify", "--dest", place, "--repair")
    assert (code, facts["undescribed"], facts["descriptions_put"]) == (0, [folder], 1)
    code, facts = call(capsys, "verify", "--dest", place)
    assert (code, facts["undescribed"]) == (0, [])


def test_verify_rebuilds_a_lost_table(place, rows, capsys):
    for name in storage.list_names(f"{place}/catalog"):
        storage.remove(f"{place}/catalog/{name}")
    code, facts = call(capsys, "verify", "--dest", place, "--rebuild")
    assert (code, facts["rows_rebuilt"], facts["rows"]) == (0, 3, 3)


def test_verify_reports_sources_that_are_gone(place, tmp_path, rows, capsys, monkeypatch):
    monkeypatch.delattr(CatalogTable, "rows")  # whole ones, of which a million take hours
    source = f"{place}/in"
    storage.put_bytes(b"here", f"{source}/2.wav")
    table = CatalogTable.open(place)
    table.publish(
        [
            type(row)(**{**{n: getattr(row, n) for n in row.__slots__}, "source_uri": uri})
            for row, uri in zip(rows, (f"{source}/1.wav", f"{source}/2.wav"), strict=True)
        ]
    )
    code, facts = call(capsys, "verify", "--dest", place, "--source", source)
    assert (code, facts["sources_gone"]) == (0, [f"{source}/1.wav"])


@pytest.mark.parametrize(
    ("command", "option"),
    [("verify", "--grace-hours"), ("prune", "--grace-days"), ("prune", "--history-days")],
)
@pytest.mark.parametrize("count", ["nan", "-5", "-inf", "inf", "1e300"])
def test_a_time_that_is_none_is_refused(tmp_path, capsys, command, option, count):
    """Below zero the attempts of a run that is at work would be orphans."""
    lines = []
    for more in ([], ["--repair"] if command == "verify" else ["--remove"]):
        assert main([command, "--dest", str(tmp_path), f"{option}={count}", *more]) == 2
        lines.append(capsys.readouterr().err)
    assert f"{option}: expected 0 to 36500" in lines[0] or "0 to 876000" in lines[0]
    assert lines[0] == lines[1]


def test_verify_repairs_a_portion_at_a_time(place, tmp_path, capsys, monkeypatch):
    for number in range(5):
        put_stems(tmp_path, place, number)
    held = []

    def spied(dest, orphans, plain=verify.remove_orphans):
        held.append(len(orphans))
        return plain(dest, orphans)

    monkeypatch.setattr(verify, "PORTION", 2)
    monkeypatch.setattr(verify, "remove_orphans", spied)
    code, facts = call(capsys, "verify", "--dest", place, "--repair", "--grace-hours", "0")
    assert (code, facts["orphans_removed"], len(facts["orphans"])) == (0, 5, 5)
    assert (held, storage.list_names(f"{place}/stems")) == ([2, 2, 1], [])


def versions(place):
    """Files of rows, and how many of them the newest version needs."""
    names = [n for n in storage.list_names(f"{place}/catalog") if n.endswith(".parquet")]
    live = DeltaTable(delta_uri(f"{place}/catalog"), storage_options=delta_storage_options(place))
    return len(names), len(live.file_uris())


def test_forget_removes_and_leaves_a_receipt(place, rows, capsys):
    assert main(["forget", "s3://in/9.wav", "--dest", place]) == 1
    assert "s3://in/9.wav: not in the table" in capsys.readouterr().err
    code, receipt = call(capsys, "forget", "s3://in/1.wav", "--dest", place)
    assert (code, receipt["rows_removed"], receipt["attempts_removed"]) == (0, 1, 1)
    assert [row.source_uri for row in CatalogTable.open(place).rows()] == ["s3://in/2.wav"]
    assert storage.exists(receipt["uri"])
    week = datetime.fromisoformat(receipt["in_history_until"]) - datetime.now(UTC)
    assert timedelta(days=6.9) < week <= timedelta(days=7)
    assert versions(place) == (2, 1), "its rows are in the older one"


def test_forget_says_how_long_history_shows_the_rows_and_erases_it(place, rows, capsys):
    assert main(["forget", "s3://in/1.wav", "--dest", place]) == 0
    told = capsys.readouterr()
    assert "older versions of the table show them until 20" in told.out
    assert told.err == ""
    assert main(["forget", "s3://in/2.wav", "--erase-history", "--dest", place]) == 0
    told = capsys.readouterr()
    assert "no version of the table shows them any more" in told.out
    assert "younger than a week go, too" in told.err
    assert versions(place) == (0, 0)

    CatalogTable.open(place).publish(rows)
    assert main(["forget", "s3://in/1.wav", "--dest", place]) == 0
    again = ["forget", "s3://in/1.wav", "--erase-history", "--dest", place]
    assert main(again) == 1, "not in the table any more"
    assert versions(place) == (1, 1), "but it was in its history"


@pytest.mark.parametrize("command", [("forget", "s3://in/1.wav"), ("prune", "--remove")])
def test_forget_and_prune_finish_what_was_broken_off(place, rows, monkeypatch, command):
    def killed(_prefix):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(removal, "held_attempt", killed)
        assert main(["forget", "s3://in/1.wav", "--dest", place]) == 130
    left = rows[0].stems[0].uri
    assert storage.exists(left)

    main([*command, "--dest", place])

    assert not storage.exists(left)
    (receipt,) = storage.list_names(f"{place}/receipts")
    assert receipt.startswith("forget-")


def test_prune_says_what_would_go_and_removes_it_when_told(place, tmp_path, rows, capsys):
    CatalogTable.open(place).publish([put_stems(tmp_path, place, 1, model="e" * 64)])
    prune = ("prune", "--dest", place, "--grace-days", "0")
    code, facts = call(capsys, *prune)
    assert (code, facts["rows"], facts["models"]) == (0, 1, {"f" * 12: 1})
    assert len(list(CatalogTable.open(place).rows())) == 3
    assert main([*prune, "--remove"]) == 0
    printed = capsys.readouterr().out
    assert "1 rows removed; receipt: " in printed
    assert "1 rows with 0.00 GB of stems and 0 files of older versions of the table removed" in (
        printed
    )
    assert len(removal.rows_of_sources(place, ["s3://in/1.wav"])) == 1
    nothing = {"rows": 0, "bytes": 0, "models": {}, "history_files": 0}
    assert call(capsys, "prune", "--dest", place) == (0, nothing)


def test_prune_goes_no_further_than_its_limit(place, tmp_path, rows, capsys):
    CatalogTable.open(place).publish(
        [put_stems(tmp_path, place, number, model="e" * 64) for number in (1, 2)]
    )
    prune = ("prune", "--dest", place, "--grace-days", "0")
    assert call(capsys, *prune, "--limit", "1")[1]["rows"] == 1
    code, facts = call(capsys, *prune, "--limit", "1", "--remove")
    assert (code, facts["rows"], len(facts["receipts"])) == (0, 1, 1)
    assert call(capsys, *prune)[1]["rows"] == 1
    assert main([*prune, "--limit", "-1"]) == 2


def test_prune_takes_old_versions_of_the_table_along(place, rows, capsys):
    CatalogTable.open(place).publish(rows, force=True)
    prune = ("prune", "--dest", place)
    assert call(capsys, *prune, "--remove")[1]["history_files"] == 0
    assert versions(place) == (2, 1)
    assert call(capsys, *prune, "--history-days", "0")[1]["history_files"] == 1
    assert versions(place) == (2, 1), "nothing goes without --remove"
    assert main([*prune, "--history-days", "0", "--remove"]) == 0
    told = capsys.readouterr()
    assert "and 1 files of older versions of the table removed" in told.out
    assert "younger than a week go, too" in told.err
    assert versions(place) == (1, 1)
