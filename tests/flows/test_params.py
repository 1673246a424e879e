import pytest
from pydantic import ValidationError

from flows.params import CatalogParameters
from flows.run_records import RunConfig
from lasaft_core.song import SongOptions

CONFIG = RunConfig(
    sources=("s3://music/in", "/data/more"),
    dest="s3://music/out",
    checkpoint="s3://models/a.safetensors",
    song=SongOptions(("vocals", "bass"), 0.5, "wav", 16, "downmix", residual=True),
    device="cpu",
    precision="float32",
    workers=3,
    gpus_per_worker=0.5,
    cpus_per_worker=2.0,
    include=("*.flac",),
    exclude=("*/live/*",),
    limit=10,
    force="failed",
    max_failure_rate=0.1,
    max_hours=2.5,
    executor="inline",
)


@pytest.mark.parametrize("config", [CONFIG, RunConfig(sources=("in",), dest="out")])
def test_parameters_and_config_hold_the_same(config: RunConfig) -> None:
    parameters = CatalogParameters.from_config(config)
    assert parameters.to_config() == config
    assert CatalogParameters.model_validate_json(parameters.model_dump_json()) == parameters


def test_every_field_of_the_form_is_described_and_flat() -> None:
    schema = CatalogParameters.model_json_schema()
    assert all(field.get("description") for field in schema["properties"].values())
    assert "$defs" not in schema
    assert schema["required"] == ["sources", "dest"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"overlap": 0.6}, "overlap"),
        ({"bit_depth": 20}, "bit_depth"),
        ({"workers": 0}, "workers"),
        ({"cpus_per_worker": 0.0}, "cpus_per_worker"),
        ({"max_failure_rate": 1.5}, "max_failure_rate"),
        ({"sources": []}, "sources"),
        ({"secret_key": "x"}, "secret_key"),
        ({"codec": "flac", "bit_depth": 32}, ""),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_name(
    change: dict[str, object], field: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        CatalogParameters.model_validate({"sources": ["in"], "dest": "out", **change})
    assert ".".join(map(str, refusal.value.errors()[0]["loc"])) == field


def test_credentials_in_an_address_are_refused_by_the_form_and_not_repeated() -> None:
    for field in ("sources", "dest", "checkpoint"):
        address = "s3://key:SECRET@bucket/in"
        values = {"sources": ["in"], "dest": "out"}
        values[field] = [address] if field == "sources" else address
        with pytest.raises(ValidationError, match="environment") as form:
            CatalogParameters.model_validate(values)
        assert form.value.errors()[0]["loc"][0] == field
        assert "SECRET" not in str(form.value)
