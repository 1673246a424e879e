"""Credentials that a run takes from Prefect: there while it lasts, told by nobody."""

import os

import pytest

from flows import catalog_run
from flows.params import CatalogParameters
from lasaft_core.errors import InvalidOption

pytestmark = pytest.mark.usefixtures("prefect_api")
SECRET = "planted/in+a-block"
KEYS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": SECRET}


def save(name: str, value: object) -> str:
    from prefect.blocks.system import Secret

    Secret(value=value).save(name, overwrite=True)
    return name


def test_a_run_works_with_the_block_s_credentials(scripted_run, tmp_path, monkeypatch) -> None:
    from flows.separate_catalog import separate_catalog

    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    seen, preflight = [], scripted_run.preflight

    def looking(config, *, writes=True):
        seen.append({name: os.environ.get(name) for name in KEYS})
        return preflight(config, writes=writes)

    monkeypatch.setattr(catalog_run, "preflight", looking)
    block = save("store-keys", KEYS)
    parameters = CatalogParameters(
        sources=["s3://bucket/in"], dest=str(tmp_path), credentials_block=block
    )

    state = separate_catalog(parameters, return_state=True)

    assert state.is_completed()
    assert seen == [KEYS]
    assert not set(KEYS) & set(os.environ), "gone with the run"
    assert SECRET not in parameters.model_dump_json()


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "no such block"),
        (SECRET, "no JSON object"),
        ({"PATH": SECRET}, "got PATH"),
        ({"AWS_ACCESS_KEY_ID": 1}, "no text"),
    ],
)
def test_a_block_that_will_not_do_is_refused_without_its_value(value, got) -> None:
    from flows.credentials_block import credentials_of

    name = "missing" if value is None else save("wrong", value)

    with pytest.raises(InvalidOption, match=got) as caught, credentials_of(name):
        pass
    assert SECRET not in str(caught.value)


def test_text_of_json_will_do_too(monkeypatch) -> None:
    from flows.credentials_block import credentials_of

    monkeypatch.setenv("AWS_SESSION_TOKEN", "still-theirs")
    name = save("as-text", '{"AWS_REGION": "eu-north-9"}')

    with credentials_of(name):
        assert os.environ["AWS_REGION"] == "eu-north-9"
        assert os.environ["AWS_SESSION_TOKEN"] == "still-theirs", "no key, no change of keys"


def test_keys_without_a_token_take_the_environment_s_away(monkeypatch) -> None:
    from flows.credentials_block import credentials_of

    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-other-keys")
    name = save("store-keys", KEYS)

    with credentials_of(name):
        assert "AWS_SESSION_TOKEN" not in os.environ
    assert os.environ["AWS_SESSION_TOKEN"] == "of-other-keys"
