"""`verify`, `forget` and `prune` on a destination whose stems are made up."""

import json

import pytest

from flows.cli import main
from lasaft_core import storage
from lasaft_core.catalog import removal, verification
from lasaft_core.catalog.table import CatalogTable
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
    ("command", "option"), [("verify", "--grace-hours"), ("prune", "--grace-days")]
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


def test_forget_removes_and_leaves_a_receipt(place, rows, capsys):
    assert main(["forget", "s3://in/9.wav", "--dest", place]) == 1
    assert "s3://in/9.wav: not in the table" in capsys.readouterr().err
    code, receipt = call(capsys, "forget", "s3://in/1.wav", "--dest", place)
    assert (code, receipt["rows_removed"], receipt["attempts_removed"]) == (0, 1, 1)
    assert [row.source_uri for row in CatalogTable.open(place).rows()] == ["s3://in/2.wav"]
    assert storage.exists(receipt["uri"])


def test_prune_says_what_would_go_and_removes_it_when_told(place, tmp_path, rows, capsys):
    CatalogTable.open(place).publish([put_stems(tmp_path, place, 1, model="e" * 64)])
    prune = ("prune", "--dest", place, "--grace-days", "0")
    code, facts = call(capsys, *prune)
    assert (code, facts["rows"], facts["models"]) == (0, 1, {"f" * 12: 1})
    assert len(list(CatalogTable.open(place).rows())) == 3
    assert main([*prune, "--remove"]) == 0
    assert "1 rows with" in capsys.readouterr().out
    assert len(removal.rows_of_sources(place, ["s3://in/1.wav"])) == 1
    assert call(capsys, "prune", "--dest", place) == (0, {"rows": 0, "bytes": 0, "models": {}})
    assert main(["prune", "--dest", place, "--grace-days", "-1"]) == 2
