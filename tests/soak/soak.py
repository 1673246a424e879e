"""Campaigns of runs that are killed, on a store with bad days, and thousands of damaged files.

    python -m tests.soak.soak [--seed 0] [--minutes 5] [--tracks 150] [--inputs 2000] [--out FILE]

Each campaign has a bucket of its own on a real S3 server; another one begins while there is time.
Prints one table. The exit code is 1 where anything was lost, doubled, untrue, or read wrongly.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

from infra.object_store import LocalObjectStore
from tests.chaos.bucket import Bucket
from tests.chaos.campaign import RATES, Campaign, Outcome
from tests.chaos.fault_proxy import NETWORK_FAULTS, ProxyProcess
from tests.soak.fuzz import fuzz

MAX_KILLS = {"worker": 12, "driver": 5}  # in one campaign; without a limit none would end
KILL_TIMES = {
    "kill before": "before its request was done",
    "kill after": "after it, before the answer",
    "kill later": "within half a second after",
}


def campaigns(store, folder, given):
    """All outcomes added up, and how many there were."""
    whole, number, until = Outcome(), 0, time.monotonic() + 60 * given.minutes
    with ProxyProcess() as process:
        while not number or time.monotonic() < until:
            seed = given.seed + number
            options = {"seed": seed, "rates": RATES, "max_kills": MAX_KILLS}
            place = folder / str(number)
            place.mkdir()
            bucket = Bucket(store.create_bucket(f"soak-{number}"), place)
            with process.proxy(store.endpoint_url, **options) as (proxy, url):
                proxied = proxy, {**store.environment(), "AWS_ENDPOINT_URL": url}
                outcome = Campaign(bucket, proxied, tracks=given.tracks, seed=seed).carry_out()
            print(f"seed {seed}: {outcome}", flush=True)
            whole.add(outcome)
            number += 1
    return whole, number


def table(given, outcome, number, fuzzed):
    """Markdown."""
    outcomes, faults = fuzzed
    rows = [
        ("campaigns", f"{number}, from seed {given.seed}"),
        ("runs", outcome.runs),
        ("requests to the store", outcome.requests),
        *((f"injected: {name}", outcome.faults[name]) for name in NETWORK_FAULTS),
        *((f"killed: {role}s", outcome.kills[role]) for role in MAX_KILLS),
        *((f"of the kills: {when}", outcome.faults[name]) for name, when in KILL_TIMES.items()),
        ("tracks", f"{outcome.tracks}, of which {outcome.good} good"),
        ("tracks without a row", outcome.losses),
        ("tracks with two rows", outcome.duplicates),
        ("rows that say something else than they must", outcome.wrong),
        ("rows that a reader saw before their stems", outcome.lies),
        ("stems compared with a quiet run", outcome.stems),
        ("of them bit-equal", outcome.stems_bit_equal),
        ("largest difference", f"{outcome.largest_steps:g} steps of 24 bits"),
        ("orphans, all removed by repair", outcome.orphans),
        ("damaged files read or refused", sum(outcomes.values())),
        ("crashes, hangs, untyped errors, more than 1 GB", len(faults)),
    ]
    head = "| what | figure |\n|---|---|\n"
    return head + "".join(f"| {what} | {figure} |\n" for what, figure in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=5.0, help="no campaign begins later")
    parser.add_argument("--tracks", type=int, default=150, help="of each campaign")
    parser.add_argument("--inputs", type=int, default=2000, help="damaged files")
    parser.add_argument("--out", type=Path, help="the table as a Markdown file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # of the quiet run's broken songs
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        with LocalObjectStore(folder / "store") as store:
            os.environ.update(store.environment())
            outcome, number = campaigns(store, folder, given)
    fuzzed = fuzz(given.inputs, given.seed)
    text = table(given, outcome, number, fuzzed)
    print(text)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text)
    return int(not outcome.is_clean or bool(fuzzed[1]))


if __name__ == "__main__":
    sys.exit(main())
