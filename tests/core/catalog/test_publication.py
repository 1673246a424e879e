"""An attempt is whole or it does not count."""

import json
from pathlib import Path

import pytest
from track_rows import MODEL

from lasaft_core import storage
from lasaft_core.catalog import publication
from lasaft_core.catalog.publication import StemStore
from lasaft_core.errors import PublicationMismatch, StoreError, StoreUnavailable

WORK = "ab" + "0" * 62


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, content in {"vocals.flac": b"la la", "drums.flac": b"boom"}.items():
        (tmp_path / name).write_bytes(content)
        found[name] = tmp_path / name
    return found


@pytest.fixture
def stems(place: str) -> StemStore:
    return StemStore(place, MODEL)


def test_an_attempt_has_a_prefix_of_its_own(place: str, stems: StemStore) -> None:
    assert stems.attempt_prefix(WORK, "try-1") == f"{place}/stems/ffffffffffff/ab/{WORK}/try-1"


def test_what_is_published_lies_where_it_is_said_to(stems: StemStore, files) -> None:
    uris = stems.publish(files, {"title": "Sóng"}, WORK, "try-1")

    assert {name: storage.read_bytes(uri) for name, uri in uris.items()} == {
        "vocals.flac": b"la la",
        "drums.flac": b"boom",
    }
    track = json.loads(storage.read_bytes(f"{stems.attempt_prefix(WORK, 'try-1')}/track.json"))
    assert track == {"title": "Sóng", "objects": {"vocals.flac": 5, "drums.flac": 4}}


def test_a_whole_attempt_is_adopted(stems: StemStore, files) -> None:
    uris = stems.publish(files, {"title": "Sóng"}, WORK, "try-1")

    adopted = stems.adopt(WORK)

    assert adopted is not None
    assert (adopted["title"], adopted["uris"]) == ("Sóng", uris)


def test_nothing_is_adopted_where_nothing_is(stems: StemStore, files) -> None:
    assert stems.adopt(WORK) is None
    stems.publish(files, {}, WORK, "try-1")
    assert stems.adopt("cd" + WORK[2:]) is None


@pytest.mark.parametrize("damage", ["lost stem", "short stem", "lost track", "broken track"])
def test_an_attempt_that_is_not_whole_is_not_adopted(stems: StemStore, files, damage: str) -> None:
    uris = stems.publish(files, {}, WORK, "try-1")
    track = f"{stems.attempt_prefix(WORK, 'try-1')}/track.json"
    if damage == "lost stem":
        storage.remove(uris["vocals.flac"])
    elif damage == "short stem":
        storage.put_bytes(b"la", uris["vocals.flac"])
    elif damage == "lost track":
        storage.remove(track)
    else:
        storage.put_bytes(b'{"objects": ', track)

    assert stems.adopt(WORK) is None


def test_the_newest_whole_attempt_is_adopted(
    stems: StemStore, files, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attempt in ("try-2", "try-1", "try-3"):
        stems.publish(files, {"attempt": attempt}, WORK, attempt)
    storage.remove(f"{stems.attempt_prefix(WORK, 'try-3')}/drums.flac")
    order = {"try-2": 1.0, "try-1": 2.0, "try-3": 3.0}
    monkeypatch.setattr(
        publication, "_age", lambda entry: (order[entry.uri.split("/")[-2]], entry.uri)
    )

    adopted = stems.adopt(WORK)

    assert adopted is not None
    assert adopted["attempt"] == "try-1"


def test_a_store_that_is_away_is_the_tracks_fault(stems: StemStore, monkeypatch) -> None:
    def refuse(uri: str) -> None:
        raise StoreError(f"can't list {uri}", got="no answer", remedy="wait")

    monkeypatch.setattr(publication, "list_below", refuse)
    with pytest.raises(StoreUnavailable, match="no answer; wait"):
        stems.adopt("ab12")


def test_a_put_that_fails_leaves_no_whole_attempt(stems: StemStore, files, tmp_path: Path) -> None:
    with pytest.raises((StoreUnavailable, FileNotFoundError)):
        stems.publish({**files, "bass.flac": tmp_path / "absent"}, {}, WORK, "try-1")

    assert stems.adopt(WORK) is None


@pytest.mark.parametrize(("held", "got"), [(b"la", "2 bytes"), (None, "nothing")])
def test_a_store_that_holds_something_else_is_found_out(
    stems: StemStore, files, monkeypatch: pytest.MonkeyPatch, held: bytes | None, got: str
) -> None:
    def damaged(path: Path, uri: str) -> None:
        if held is not None:
            storage.put_bytes(held, uri)

    monkeypatch.setattr(publication, "put", damaged)

    with pytest.raises(PublicationMismatch, match=f"vocals.flac: expected 5 bytes, got {got}"):
        stems.publish(files, {}, WORK, "try-1")
    assert stems.adopt(WORK) is None
