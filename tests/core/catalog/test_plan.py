"""Every action of the plan, and its cost at a hundred thousand rows."""

import resource

import pyarrow as pa
import pytest

from lasaft_core.catalog.plan import Plan, PlannedTrack, plan_tracks
from lasaft_core.catalog.queries import KEYS_SCHEMA
from lasaft_core.errors import InvalidOption
from lasaft_core.storage import ObjectStat


def listed(name: str, etag: str = "e1", size: int = 10, base: str = "s3://b") -> ObjectStat:
    return ObjectStat(f"{base}/{name}", size, etag, None)


def key(name: str, status: str = "done", *, etag: str = "e1", size: int = 10, **columns):
    return {
        "source_uri": f"s3://b/{name}",
        "source_etag": etag,
        "source_bytes": size,
        "status": status,
        **columns,
    }


def keys(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=KEYS_SCHEMA)


def only(plan: Plan) -> PlannedTrack:
    (track,) = plan.tracks
    return track


def test_an_empty_table_makes_everything_new() -> None:
    plan = plan_tracks([listed("a", "e1"), listed("b", "e2")], keys())

    assert [track.action for track in plan.tracks] == ["new", "new"]
    assert plan.counts == {
        "new": 2, "changed": 0, "moved": 0, "retry": 0, "forced": 0, "done": 0, "left": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "force", "action"),
    [
        ("done", "none", None),
        ("done", "failed", None),
        ("done", "all", "forced"),
        ("failed", "none", "retry"),
        ("failed", "failed", "retry"),
        ("failed", "all", "retry"),
        ("skipped", "none", None),
        ("skipped", "failed", "retry"),
        ("skipped", "all", "retry"),
        ("quarantined", "none", None),
        ("quarantined", "failed", "retry"),
        ("quarantined", "all", "retry"),
    ],
)
def test_a_known_object(status: str, force: str, action: str | None) -> None:
    plan = plan_tracks([listed("a")], keys(key("a", status)), force=force)

    assert [track.action for track in plan.tracks] == ([action] if action else [])
    untouched = "" if action else "done" if status == "done" else "left"
    assert (plan.done, plan.left) == (untouched == "done", untouched == "left")
    assert (plan.counts["done"], plan.counts["left"]) == (plan.done, plan.left)


@pytest.mark.parametrize(
    ("reason", "force", "action"),
    [
        ("truncated", "none", None),
        ("not_audio", "none", None),
        ("truncated", "failed", "retry"),
        ("forbidden", "none", "retry"),
        ("store_unavailable", "none", "retry"),
        ("internal", "none", "retry"),
    ],
)
def test_bytes_that_failed_by_themselves_are_not_read_again(
    reason: str, force: str, action: str | None
) -> None:
    table = keys(key("a", "failed", reason=reason))

    plan = plan_tracks([listed("a")], table, force=force)
    mended = plan_tracks([listed("a", "e2")], table, force=force)

    assert [track.action for track in plan.tracks] == ([action] if action else [])
    assert (plan.done, plan.left) == (0, 0 if action else 1)
    assert only(mended).action == "changed"


@pytest.mark.parametrize("status", ["done", "failed", "skipped", "quarantined"])
def test_a_new_etag_is_a_changed_source(status: str) -> None:
    assert only(plan_tracks([listed("a", "e2")], keys(key("a", status)))).action == "changed"


def test_a_move_is_guessed_by_etag_and_size_of_a_done_row() -> None:
    table = keys(key("old", size=10), key("bad", "failed", etag="e3"))

    assert only(plan_tracks([listed("new")], table)).action == "moved"
    assert only(plan_tracks([listed("new", size=11)], table)).action == "new"
    assert only(plan_tracks([listed("new", "e3")], table)).action == "new"


def test_a_source_replaced_by_known_bytes_is_changed() -> None:
    track = only(plan_tracks([listed("a", "e2")], keys(key("a"), key("b", etag="e2"))))

    assert track.action == "changed"


def test_equal_etag_and_size_form_a_group() -> None:
    objects = [listed("a"), listed("b", "e2"), listed("c"), listed("d", size=11)]

    tracks = plan_tracks(objects, keys()).tracks

    assert [track.group is None for track in tracks] == [False, True, False, True]
    assert tracks[0].group == tracks[2].group


def test_local_files_are_grouped_by_size_since_their_etags_tell_the_time() -> None:
    objects = [listed("a", "t1", base="file:///m"), listed("b", "t2", base="file:///m")]

    first, second = plan_tracks(objects, keys()).tracks
    assert first.group == second.group is not None


def test_empty_objects_and_done_ones_are_in_no_group() -> None:
    objects = [listed("a", size=0), listed("b", size=0), listed("c"), listed("d")]

    tracks = plan_tracks(objects, keys(key("c"))).tracks

    assert [track.group for track in tracks] == [None, None, None]


def test_an_unknown_force_lists_the_choices() -> None:
    with pytest.raises(InvalidOption, match="none or failed or all, got some"):
        plan_tracks([], keys(), force="some")


def test_a_hundred_thousand_objects_against_as_many_rows() -> None:
    count = 100_000
    uris = [f"s3://bucket/some/longer/folder/{number:08}.flac" for number in range(count)]
    table = pa.table(
        {
            "source_uri": uris,
            "source_etag": [f"{number:032x}" for number in range(count)],
            "source_bytes": list(range(count)),
            "status": ["done"] * count,
            "reason": [None] * count,
        }
    )
    objects = [
        ObjectStat(uri, number, f"{number + number % 2:032x}", None)
        for number, uri in enumerate(uris)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    plan = plan_tracks(objects, table)

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (plan.done, plan.counts["changed"]) == (count // 2, count // 2)
    assert grown_kib < 1 << 20
