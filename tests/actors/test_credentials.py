"""Nothing secret in what people read; everything that workers need in their environment."""

import pytest

from ray_actors.credentials import forwarded_environment, redacted, take_over

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "very/secret+key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:8333",
    "HOME": "/root",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("denied for AKIAEXAMPLE with very/secret+key", "denied for *** with ***"),
        ("GET https://bob:pa55@host/a.wav failed", "GET https://***@host/a.wav failed"),
        ("?X-Amz-Signature=abc123&x=1", "?X-Amz-Signature=***&x=1"),
        ("password: hunter2, then more", "password: ***, then more"),
        ("\x1b[36mred\x1b[39m\n  and two lines", "red and two lines"),
        ("expected 44100 frames, got 3", "expected 44100 frames, got 3"),
    ],
)
def test_messages_carry_no_secrets(text, expected):
    assert redacted(text, ENVIRONMENT) == expected


def test_a_worker_never_mixes_its_machines_keys_with_those_that_it_is_given():
    machine = {"AWS_SESSION_TOKEN": "of the machine", "AWS_REGION": "here", "PATH": "/bin"}
    take_over({"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}, machine)
    assert machine == {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "here",
        "PATH": "/bin",
    }
    take_over({"AWS_REGION": "there"}, own := {"AWS_SESSION_TOKEN": "of the machine"})
    assert own == {"AWS_SESSION_TOKEN": "of the machine", "AWS_REGION": "there"}


def test_messages_are_bounded():
    assert len(redacted("long " * 10_000, {})) == 2000


def test_workers_get_what_the_store_needs_and_nothing_else():
    assert forwarded_environment(ENVIRONMENT) == {
        name: value for name, value in ENVIRONMENT.items() if name.startswith("AWS_")
    }
