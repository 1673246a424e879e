"""The order of a run: longest first, leaders before followers, suspects alone."""

from dataclasses import replace

import pytest
from fake_workers import ScriptedGate, track

from lasaft_core.catalog.rows import AttemptRow
from ray_actors import backlog as backlog_module
from ray_actors.backlog import Backlog


def taken(backlog: Backlog, *, idle: bool = True) -> list[str]:
    names = []
    while task := backlog.take(idle=idle):
        names.append(task.source.uri.removeprefix("file:///"))
    return names


def test_longest_first_and_the_listed_order_among_equals():
    tasks = [track("a", seconds=1), track("b", seconds=3), track("c", seconds=3)]

    assert taken(Backlog(tasks)) == ["b", "c", "a"]


def test_followers_are_held_until_their_leader_is_done():
    leader = track("leader", group="g")
    backlog = Backlog([leader, track("one", group="g"), track("two", group="g")])

    assert (taken(backlog), len(backlog), bool(backlog)) == (["leader"], 2, False)
    backlog.finished(leader, done=True)
    assert taken(backlog) == ["one", "two"]


def test_a_leader_that_failed_hands_the_lead_to_one_follower():
    leader, one = track("leader", group="g"), track("one", group="g")
    backlog = Backlog([leader, one, track("two", group="g")])
    taken(backlog)

    backlog.finished(leader, done=False)
    assert taken(backlog) == ["one"]
    backlog.finished(one, done=True)
    assert taken(backlog) == ["two"]


def test_a_suspect_goes_first_but_to_an_idle_worker_only():
    lost = AttemptRow(attempt=1, stage="worker", error="died")
    backlog = Backlog([track("a")])
    backlog.suspect(replace(track("suspect"), history=(lost,)))

    assert taken(backlog, idle=False) == ["a"]
    assert taken(backlog, idle=True) == ["suspect"]


def test_the_gate_is_asked_for_a_batch_of_the_longest():
    gate = ScriptedGate()
    backlog = Backlog([track(name, seconds=9 - ord(name)) for name in "abcde"], gate, batch=2)

    assert taken(backlog) == list("abcde")
    assert gate.asked == [["a", "b"], ["c", "d"], ["e"]]


def test_what_another_run_holds_is_asked_for_again_at_the_end(monkeypatch):
    monkeypatch.setattr(backlog_module, "ASK_AGAIN_SECONDS", 0.0)
    gate = ScriptedGate(held=("a", "c"))
    backlog = Backlog([track(name) for name in "abcd"], gate, batch=2, patience_seconds=60)
    assert [backlog.take(idle=True).source.etag for _ in range(2)] == ["b", "d"]
    assert backlog.take(idle=True) is None
    assert (bool(backlog), len(backlog)) == (True, 2)

    gate.held.discard("a")

    assert backlog.take(idle=True).source.etag == "a"
    assert len(backlog) == 1


def test_patience_begins_when_nobody_works_on_anything_any_more(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(backlog_module, "monotonic", lambda: now[0])
    gate = ScriptedGate(held=("a",))
    backlog = Backlog([track(name) for name in "ab"], gate, batch=2, patience_seconds=30.0)
    assert backlog.take(idle=True).source.etag == "b"
    for seconds, is_end in ((600.0, False), (700.0, True), (720.0, True)):
        now[0] = seconds
        assert backlog.take(idle=True, is_end=is_end) is None
        assert gate.passed_over == []
    now[0] = 731.0
    assert backlog.take(idle=True) is None
    assert gate.passed_over == ["a"]


def test_patience_begins_anew_with_each_song_that_is_had_after_all(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(backlog_module, "monotonic", lambda: now[0])
    gate = ScriptedGate(held=("a", "b"))
    backlog = Backlog([track(name) for name in "ab"], gate, batch=2, patience_seconds=30.0)
    assert backlog.take(idle=True) is None
    gate.held.discard("a")
    now[0] = 10.0
    assert backlog.take(idle=True).source.etag == "a"
    now[0] = 600.0  # after the song
    assert backlog.take(idle=True) is None
    assert gate.passed_over == []


def test_patience_with_another_run_ends():
    gate = ScriptedGate(held=("a",))
    backlog = Backlog([track("a")], gate)

    assert taken(backlog) == []
    assert (gate.passed_over, bool(backlog), len(backlog)) == (["a"], False, 0)


@pytest.mark.parametrize("gate", [{"done": ("leader",)}, {"held": ("leader",)}])
def test_followers_of_what_another_run_has_done_or_keeps_are_free(gate):
    tasks = [track("leader", group="g"), track("one", group="g")]
    backlog = Backlog(tasks, ScriptedGate(**gate))

    assert [*taken(backlog), *taken(backlog)] == ["one"]


def test_what_is_admitted_but_not_begun_can_be_given_back():
    gate = ScriptedGate()
    backlog = Backlog([track(name) for name in "abc"], gate, batch=3)
    assert backlog.take(idle=True).source.etag == "a"

    backlog.give_back()

    assert gate.given_back == ["b", "c"]
    assert taken(backlog) == ["b", "c"]
    assert gate.asked == [["a", "b", "c"], ["b", "c"]]
