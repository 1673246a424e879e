"""A Ray that can't be had is told in one line, without a cluster at hand."""

import pytest
import ray
from ray.exceptions import AuthenticationError

from lasaft_core.errors import WorkersUnavailable
from ray_actors.cluster import ray_cluster


@pytest.mark.parametrize(
    ("address", "error", "told"),
    [
        ("ray:6379", RuntimeError("Version mismatch: Ray: 2.59.0\nRay: 2.60.0"), "same Ray"),
        ("ray:6379", ConnectionError("ray://bob:hunter2@host is not reachable"), "RAY_ADDRESS"),
        ("ray:6379", AuthenticationError("InvalidAuthToken"), "token"),
        ("", RuntimeError("no port is free"), "--executor inline"),
    ],
)
def test_a_ray_that_does_not_start_is_one_line_with_a_remedy(monkeypatch, address, error, told):
    def init(**_: object) -> None:
        raise error

    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", init)

    with pytest.raises(WorkersUnavailable, match=told) as caught, ray_cluster():
        pass

    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
