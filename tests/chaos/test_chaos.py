"""Sixty songs, a store with bad days, workers and drivers killed at random: nothing is lost."""

import os
import secrets

import pytest

from tests.chaos.campaign import RATES, Campaign

TRACKS = 60


@pytest.mark.timeout(1500)
def test_nothing_is_lost_and_nothing_twice_whatever_dies(bucket, s3_server, proxy_process, capsys):
    seed = int(os.environ.get("LASAFT_CHAOS_SEED") or secrets.randbelow(10_000))
    with capsys.disabled():
        print(f"\nLASAFT_CHAOS_SEED={seed}")
    options = {"seed": seed, "rates": RATES, "max_kills": {"worker": 2, "driver": 1}}
    with proxy_process.proxy(s3_server.endpoint_url, **options) as (proxy, url):
        environment = {**s3_server.environment(), "AWS_ENDPOINT_URL": url}

        outcome = Campaign(bucket, (proxy, environment), tracks=TRACKS, seed=seed).carry_out()

    assert outcome.is_clean, outcome
    assert outcome.kills.total() > 0, outcome
    assert outcome.faults.total() > 20, outcome
