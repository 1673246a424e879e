"""Fingerprints move with what changes the sound and with nothing else."""

import pytest

from lasaft_core.catalog import identity
from lasaft_core.catalog.identity import canonical_json, model_fingerprint, work_id

SETTINGS = {"overlap": 0.25, "targets": ("vocals", "drums"), "network": {"layers": 7}}


def test_order_and_kind_of_container_do_not_matter() -> None:
    same = {"network": {"layers": 7.0}, "targets": ["vocals", "drums"], "overlap": 0.25}

    assert model_fingerprint(SETTINGS) == model_fingerprint(same)


@pytest.mark.parametrize(
    "change", [{"overlap": 0.5}, {"targets": ("drums", "vocals")}, {"network": {"layers": 8}}]
)
def test_every_setting_matters(change: dict[str, object]) -> None:
    assert model_fingerprint({**SETTINGS, **change}) != model_fingerprint(SETTINGS)


def test_the_separation_version_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    before = model_fingerprint(SETTINGS)
    monkeypatch.setattr(identity, "SEPARATION_VERSION", identity.SEPARATION_VERSION + 1)

    assert model_fingerprint(SETTINGS) != before


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    assert canonical_json({"b": (1.0, 0.25), "a": "é"}) == '{"a":"é","b":[1,0.25]}'
    assert model_fingerprint({"overlap": 0.25}) == (
        "d1a79eb17d1c907fd8b0a92f13a993713c7baea9cc4eab3418724a6e65a37a93"
    )


def test_true_is_not_one() -> None:
    assert model_fingerprint({"residual": True}) != model_fingerprint({"residual": 1})


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_has_no_text_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        model_fingerprint({"overlap": value})


def test_work_is_one_content_by_one_model() -> None:
    ids = {work_id("a", "m"), work_id("b", "m"), work_id("a", "n"), work_id("m", "a")}

    assert len(ids) == 4
    assert all(len(identifier) == 64 for identifier in ids)
