"""Runs at the same time divide the tracks among themselves, whoever dies."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from lasaft_core import storage
from lasaft_core.catalog import claims as claims_module
from lasaft_core.catalog.claims import LEASE_SECONDS, RunClaims, claim_key
from lasaft_core.catalog.ledger import Ledger
from lasaft_core.catalog.processes import identity, is_dead
from lasaft_core.errors import StoreError, StoreUnavailable


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_one_has_claimed_the_other_passes_over(place: str) -> None:
    first, second = RunClaims(place, "first"), RunClaims(place, "second")
    assert first.claim(["a", "b"]) == {"a", "b"}
    assert second.claim(["b", "c"]) == {"c"}
    assert first.claim(["a", "c"]) == {"a"}

    first.release(["b"])
    first.renew()

    assert second.claim(["b"]) == {"b"}
    first.close()
    assert second.claim(["a"]) == {"a"}


def test_claims_end_unless_they_are_renewed(place: str, clock: Clock) -> None:
    first, second = (RunClaims(place, name, now=clock) for name in ("first", "second"))
    first.claim(["a", "b"])
    clock.seconds += LEASE_SECONDS - 1
    first.renew()
    clock.seconds += LEASE_SECONDS - 1
    assert second.claim(["a"]) == set()

    clock.seconds += 2

    assert second.claim(["a"]) == {"a"}
    assert first.claim(["c"]) == {"c"}, "the sleeper comes back, and takes what is free"


def test_a_killed_run_frees_its_claims_at_once_where_its_death_can_be_seen(place: str) -> None:
    code = (
        "import sys; from lasaft_core.catalog.claims import RunClaims\n"
        "RunClaims(sys.argv[1], 'killed').claim(['a']); print('claimed', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, place]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"claimed\n"
        second = RunClaims(place, "second")
        assert second.claim(["a"]) == set()
        process.kill()
        process.wait()
        assert second.claim(["a"]) == {"a"}


def test_only_a_process_of_this_boot_and_namespace_can_be_seen_dead() -> None:
    mine = identity()
    boot, space, pid, start = mine.split("/")
    assert not is_dead(mine)
    assert is_dead(f"{boot}/{space}/{pid}/{int(start) - 1}"), "an earlier one of the same id"
    assert not is_dead(f"another-boot/{space}/{pid}/1")
    assert not is_dead(f"{boot}/pid:[1]/{pid}/1")
    assert not is_dead("")


@pytest.mark.parametrize("runs", [4])
def test_no_key_has_two_owners_however_many_ask_at_once(place: str, runs: int) -> None:
    keys = [f"{number:02}" for number in range(40)]

    def take_all(run: int) -> set[str]:
        claims, mine = RunClaims(place, f"run-{run}"), set[str]()
        for start in range(0, len(keys), 5):
            mine |= claims.claim(keys[start : start + 5])
        return mine

    with ThreadPoolExecutor(runs) as threads:
        taken = list(threads.map(take_all, range(runs)))

    assert sorted(key for mine in taken for key in mine) == keys


def test_a_writer_that_slept_over_several_versions_overwrites_none(place: str) -> None:
    sleeper, other = Ledger(place), Ledger(place)
    sleeper.update(lambda _: {"runs": [], "by": "sleeper"})
    other.refresh()
    for number in range(3):
        other.update(lambda document, number=number: {**document, f"change-{number}": True})
    assert len(storage.list_names(f"{place}/claims")) == 1, "old versions go"

    sleeper.update(lambda document: {**document, "back": True})

    other.refresh()
    assert other.document == {
        **{"runs": [], "by": "sleeper", "back": True},
        **{f"change-{number}": True for number in range(3)},
    }


def test_an_on_demand_run_says_how_many_workers_it_wants(place: str) -> None:
    nightly, asked = RunClaims(place, "nightly"), RunClaims(place, "asked", on_demand=True)
    asked.announce(workers=2)
    nightly.renew()
    asked.renew()
    assert (nightly.workers_wanted, asked.workers_wanted) == (2, 0)

    asked.close()
    nightly.renew()

    assert nightly.workers_wanted == 0


def test_a_run_that_must_be_alone_says_who_is_there(place: str) -> None:
    with closing(RunClaims(place, "first")) as first:
        first.announce()
        with pytest.raises(StoreError, match=r"another run is under way.*got run first; wait"):
            RunClaims(place, "second", alone=True).announce()
    with closing(RunClaims(place, "second", alone=True)) as second:
        second.announce()


def test_a_ledger_out_of_reach_costs_no_track(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = RunClaims(place, "first"), RunClaims(place, "second")

    def refuse(*_: object) -> bool:
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr("lasaft_core.catalog.ledger.create", refuse)
        assert first.claim(["a"]) == {"a"}
    assert "claims=out_of_reach run=first" in caplog.text
    first.renew()
    assert second.claim(["a"]) == set(), "told as soon as it is back"


def test_renewal_goes_on_by_itself(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "BEAT_SECONDS", 0.02)
    with closing(RunClaims(place, "first")) as claims:
        claims.announce()
        claims.claim(["a"])
        before, ledger = _ends_at(place), Ledger(place)
        while _ends_at(place) == before:
            ledger.refresh()
    assert _ends_at(place) is None, "the end takes the entry away"


def _ends_at(place: str) -> float | None:
    ledger = Ledger(place)
    ledger.refresh()
    return next((run["ends_at"] for run in ledger.document["runs"]), None)


def test_a_damaged_ledger_is_an_empty_one(place: str) -> None:
    storage.put_bytes(b"no json", f"{place}/claims/000000000007.json")
    assert RunClaims(place, "first").claim(["a"]) == {"a"}
    storage.put_bytes(b'{"runs": [{"run_id": 1}]}', f"{place}/claims/000000000020.json")
    assert RunClaims(place, "second").claim(["a"]) == {"a"}


def test_keys_tell_models_apart_and_take_any_name() -> None:
    assert claim_key("s3://b/a", "f" * 64) != claim_key("s3://b/a", "e" * 64)
    assert claim_key("s3://b/\n\x1b..\udc80/a", "f").isalnum()


def test_a_batch_costs_four_requests_however_large(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lasaft_core.storage.s3 import S3Store

    asked: list[str] = []
    call = S3Store._call_once

    def counted(store: S3Store, method: str, **arguments: object) -> dict:
        asked.append(method)
        return call(store, method, **arguments)

    claims = RunClaims(s3, "run")
    claims.claim(["first"])
    monkeypatch.setattr(S3Store, "_call_once", counted)

    claims.claim(map(str, range(300)))
    claims.claim(map(str, range(100)))

    assert asked == ["put_object", "list_objects_v2", "list_objects_v2", "delete_object"]
