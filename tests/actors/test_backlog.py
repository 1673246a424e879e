"""The order of a run: longest first, leaders before followers, suspects alone."""

from dataclasses import replace

from fake_workers import track

from lasaft_core.catalog.rows import AttemptRow
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
