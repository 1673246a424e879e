"""Connections that break while objects and the table are written and read: what was asked is done,
and done once."""

import pytest

from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import fetch, join, list_names, put_bytes, read_bytes, stat
from tests.chaos.fault_proxy import Rule
from tests.chaos.mortal import outcome_of
from tests.core.catalog.track_rows import done_row, failed_row

REQUESTS = {
    "made": ("PUT", r"/made/catalog/_delta_log/0+\.json$"),
    "committed": ("PUT", r"/committed/catalog/_delta_log/0+1\.json$"),
    "replaced": ("PUT", r"/replaced/catalog/_delta_log/0+2\.json$"),
    "looked-up": ("GET", r"/looked-up/catalog/_delta_log/"),
    "read": ("GET", r"/read/catalog/.*\.parquet$"),
    "listed": ("GET", r"/bucket-[0-9a-f]+/?$"),
}


def publish_three_times_each(places):
    for place in places:
        table = CatalogTable.open(place)
        table.publish([done_row("a"), failed_row("b", run_id="first")])
        table.publish([done_row("b"), done_row("c")])
        table.publish([failed_row("a"), failed_row("d")])


@pytest.mark.parametrize("fault", ["reset before", "reset after", "truncated"])
def test_a_broken_connection_costs_no_row_and_doubles_none(bucket, proxied, fault):
    proxy, environment = proxied
    for rule in REQUESTS.values():
        proxy.add(Rule(*rule, fault))
    places = [join(bucket.url, name) for name in REQUESTS]

    assert outcome_of(publish_three_times_each, environment, places) == 0

    assert proxy.facts().injected == {fault: len(REQUESTS)}
    for place in places:
        rows = [(row.source_uri, row.status) for row in CatalogTable.open(place).rows()]
        assert sorted(rows) == [("a", "done"), ("b", "done"), ("c", "done"), ("d", "failed")]


def write_and_read(uri, path):
    put_bytes(b"content", uri)
    assert stat(uri).size == 7
    assert list_names(uri.rpartition("/")[0]) == ["one"]
    assert read_bytes(uri) == b"content"
    assert fetch(uri, path).size == 7


@pytest.mark.parametrize("fault", ["reset before", "reset after", "truncated"])
def test_a_broken_connection_costs_no_object(bucket, proxied, fault):
    proxy, environment = proxied
    for method in ("PUT", "HEAD"):
        proxy.add(Rule(method, "/one$", fault, times=2))
    for path, times in (("/bucket-[^/]+/?$", 2), ("/one$", 3)):
        proxy.add(Rule("GET", path, fault, times=times))
    place = join(bucket.url, "objects", "one")

    assert outcome_of(write_and_read, environment, place, bucket.folder / "one") == 0

    assert proxy.facts().injected[fault] >= 7, "answers without a body are not cut"
