import pytest
from pydantic import ValidationError

from flows.params import CatalogParameters
from flows.run_records import RunConfig
from lasaft_core.errors import InvalidOption
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


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    config = RunConfig(sources=("s3://key:SECRET@bucket/in",), dest="out")
    with pytest.raises(InvalidOption, match="environment") as refusal:
        CatalogParameters.from_config(config)
    assert "SECRET" not in str(refusal.value)
    with pytest.raises(ValidationError) as form:
        CatalogParameters(sources=["in"], dest="s3://key:SECRET@bucket/out")
    assert "SECRET" not in str(form.value)
