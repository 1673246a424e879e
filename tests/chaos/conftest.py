"""A bucket behind a proxy that spoils requests as it is told, and songs in it."""

from collections.abc import Iterator

import pytest

from tests.chaos.bucket import Bucket
from tests.chaos.fault_proxy import ProxyProcess


@pytest.fixture(autouse=True)
def _one_thread(one_thread) -> None:
    """In all tests here."""


@pytest.fixture(scope="session")
def proxy_process() -> Iterator[ProxyProcess]:
    with ProxyProcess() as process:
        yield process


@pytest.fixture
def proxied(proxy_process, s3_server, s3):
    """The proxy, and the environment of those who are to go through it; others don't."""
    with proxy_process.proxy(s3_server.endpoint_url) as (proxy, url):
        yield proxy, {**s3_server.environment(), "AWS_ENDPOINT_URL": url}


@pytest.fixture
def bucket(s3, tmp_path) -> Bucket:
    return Bucket(s3, tmp_path)
