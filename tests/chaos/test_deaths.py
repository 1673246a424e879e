"""Whole runs on Ray, of which something dies or fails under way: what is done is published, the
next run does the rest, and no process stays behind."""

import signal
import subprocess
from contextlib import contextmanager

import pytest

from infra.demo.prefect_server import LocalPrefectServer
from tests.chaos.fault_proxy import Rule
from tests.chaos.mortal import outcome_of, run
from tests.chaos.whole_runs import run_whole

pytestmark = pytest.mark.timeout(900)
TRACKS = 6
DESCRIPTION = r"/track\.json$"


@pytest.fixture
def songs(bucket):
    """The bucket with six songs in it."""
    for seed in range(TRACKS):
        bucket.put_song(f"{seed}.wav", seed)
    return bucket


def all_done(bucket):
    """Each song has one row, done and true; nothing but orphans is too much."""
    rows = bucket.rows()
    bucket.repair()
    return [row.status for row in rows.values()] == ["done"] * TRACKS and not bucket.litter()


def test_a_run_outlives_workers_that_die_with_their_stems_put(songs, proxied):
    proxy, environment = proxied
    proxy.add(Rule("PUT", DESCRIPTION, "kill after", times=2))

    code = run_whole(songs, environment)

    assert proxy.facts().killed == {"worker": 2}
    assert code == 0
    assert all_done(songs)


def test_a_killed_driver_takes_its_processes_along_and_the_next_run_finishes(songs, proxied):
    proxy, environment = proxied
    proxy.add(Rule("PUT", r"/_delta_log/0+1\.json$", "kill before"))

    assert run_whole(songs, environment) == -signal.SIGKILL
    assert songs.findings()[0] == []
    report = songs.run()

    assert proxy.facts().killed == {"driver": 1}
    assert (report.done, report.windows) == (TRACKS, 0), "all had been put, none had a row"
    assert all_done(songs)


def test_a_bucket_that_is_away_for_a_while_costs_nothing(songs, s3_server, proxy_process):
    with proxy_process.proxy(s3_server.endpoint_url, gone_seconds=3.0) as (proxy, url):
        proxy.add(Rule("PUT", DESCRIPTION, "gone"))
        code = run_whole(songs, {**s3_server.environment(), "AWS_ENDPOINT_URL": url})
        facts = proxy.facts()

    assert facts.injected["gone"] > 1
    assert code == 0
    assert all_done(songs)


def test_a_run_outlives_its_prefect_server(songs, proxied, tmp_path):
    proxy, environment = proxied
    with LocalPrefectServer(tmp_path / "prefect") as server:
        server.wait()
        proxy.add(Rule("PUT", DESCRIPTION, "kill before", victim=-server.pid))
        impatient = {"PREFECT_CLIENT_MAX_RETRIES": "0"}  # it would ask for minutes
        code = run_whole(songs, {**environment, **server.client_environment(), **impatient})

    assert proxy.facts().killed.total() == 1
    told = (songs.folder / "run-0.log").read_text()
    assert (code, "no Prefect API any more" in told) == (0, True)
    assert f"\ndone: {TRACKS}\n" in told, "the report is not lost"
    assert all_done(songs)


@pytest.fixture
def full_disk(tmp_path):
    """A folder for scratch files with room for a song, not for its stems."""
    place = tmp_path / "scratch"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place)
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can't be mounted here")
    yield place
    subprocess.run(("umount", place), check=True)


def test_a_full_disk_costs_its_tracks_until_there_is_room(songs, s3_server, full_disk):
    environment = {**s3_server.environment(), "TMPDIR": str(full_disk)}

    assert outcome_of(run, environment, songs.config()) == 0
    rows = songs.rows().values()
    assert {(row.status, row.reason) for row in rows} == {("failed", "scratch_full")}
    assert list(full_disk.iterdir()) == []
    assert songs.run().planned["retry"] == TRACKS
    assert all_done(songs)


@contextmanager
def two_nodes():
    """The address of a Ray of two nodes, a worker's room on each, and the second one's raylet."""
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
    quick |= {"health_check_timeout_ms": 1000, "health_check_failure_threshold": 3}
    node = {"num_cpus": 1, "node_ip_address": "127.0.0.2", "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "_system_config": quick})
    try:
        second = cluster.add_node(**node)
        yield cluster.address, second.all_processes["raylet"][0].process.pid
    finally:
        cluster.shutdown()


def test_a_run_outlives_one_of_its_nodes(songs, proxied):
    proxy, environment = proxied
    with two_nodes() as (address, raylet):
        proxy.add(Rule("PUT", DESCRIPTION, "kill before", victim=raylet))
        code = run_whole(songs, {**environment, "RAY_ADDRESS": address})

    assert proxy.facts().killed.total() == 1
    assert code == 0
    assert all_done(songs)
