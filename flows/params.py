"""The parameter form of the Prefect deployments, converted once to a `RunConfig`.

Flat, so that Prefect's UI shows one field per option with its description and limits. It has no
field for credentials, and an address that carries some is refused: parameters are stored and
shown in plain text.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.addresses import REMEDY, carries_credentials
from flows.run_records import RunConfig
from lasaft_core.catalog.plan import Force
from lasaft_core.errors import InvalidOption
from lasaft_core.song import SongOptions


def _without_credentials(url: str) -> str:
    if carries_credentials(url):
        raise ValueError(REMEDY)
    return url


Address = Annotated[str, Field(min_length=1), AfterValidator(_without_credentials)]

_SONG_FIELDS = ("overlap", "codec", "bit_depth", "channels", "residual", "consistency")
_EXECUTION_FIELDS = (
    "device",
    "precision",
    "workers",
    "gpus_per_worker",
    "cpus_per_worker",
    "executor",
)
_LIMIT_FIELDS = ("limit", "force", "max_failure_rate", "max_hours", "on_demand")
_RUN_FIELDS = ("dest", "checkpoint", *_EXECUTION_FIELDS, *_LIMIT_FIELDS)
_LIST_FIELDS = ("sources", "include", "exclude")


class CatalogParameters(BaseModel):
    """What to separate, where to, and how."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, title="Catalog run", hide_input_in_errors=True
    )

    sources: list[Address] = Field(
        min_length=1, description="Prefixes or objects to read songs from: s3://bucket/prefix"
    )
    dest: Address = Field(description="Where stems and table stand: s3://bucket/prefix")
    checkpoint: Address = Field(
        default="default", description="Name, path or URL of the network's checkpoint"
    )
    targets: list[str] = Field(
        default_factory=list, description="Stems to make; all of the network's if empty"
    )
    include: list[str] = Field(
        default_factory=list, description="Only keys that match one of these globs"
    )
    exclude: list[str] = Field(
        default_factory=list, description="No keys that match one of these globs"
    )
    limit: int | None = Field(default=None, ge=0, description="Work on at most so many songs")
    force: Force = Field(
        default="none",
        description="failed: also songs that were skipped, quarantined or found broken before; "
        "all: everything again",
    )
    overlap: float = Field(
        default=0.25, ge=0.0, le=0.5, description="Share of a window that neighbours have in common"
    )
    codec: Literal["flac", "wav"] = Field(default="flac", description="Form of the stems")
    bit_depth: Literal[16, 24, 32] = Field(
        default=24, description="Bits per sample; 32 is float and needs WAV"
    )
    channels: Literal["skip", "downmix"] = Field(
        default="skip", description="What becomes of songs of more than two channels"
    )
    residual: bool = Field(default=False, description="Also write the song minus its stems")
    consistency: Literal["none", "project"] = Field(
        default="none", description="project: all the network's stems add up to the song"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where the network computes"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto takes bfloat16 where the device is made for it"
    )
    workers: int | None = Field(
        default=None, ge=1, description="Processes with a loaded network; all CPUs if empty"
    )
    gpus_per_worker: float = Field(
        default=0.0, ge=0.0, description="GPUs of each worker, or a share of one"
    )
    cpus_per_worker: float | None = Field(
        default=None,
        gt=0.0,
        description="CPUs of each worker, asked of Ray as they stand: with the number of workers, "
        "what makes a cluster grow; shared out among them if empty",
    )
    max_failure_rate: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Share of failed songs that is still a success"
    )
    max_hours: float | None = Field(
        default=None, gt=0.0, description="Start no more songs after so many hours"
    )
    executor: Literal["ray", "inline"] = Field(
        default="ray", description="inline works in the flow's own process, one song at a time"
    )

    credentials_block: str = Field(
        default="",
        description="Name of a Secret block with AWS variables; those of the environment if empty",
    )
    on_demand: bool = Field(
        default=False, description="Goes first: other runs at this place make room for it"
    )

    def to_config(self) -> RunConfig:
        song = SongOptions(targets=tuple(self.targets) or None, **_values(self, _SONG_FIELDS))
        lists = {name: tuple(value) for name, value in _values(self, _LIST_FIELDS).items()}
        return RunConfig(song=song, **{**lists, **_values(self, _RUN_FIELDS)})

    @model_validator(mode="after")
    def _is_a_possible_run(self) -> Self:
        """What depends on two fields is refused in the form, before a run starts."""
        try:
            self.to_config()
        except InvalidOption as error:
            raise ValueError(str(error)) from error
        return self

    @classmethod
    def from_config(cls, config: RunConfig) -> Self:
        """Raises `InvalidOption`, which never repeats a value: it may hold a secret."""
        lists = {name: list(value) for name, value in _values(config, _LIST_FIELDS).items()}
        plain = _values(config.song, _SONG_FIELDS) | _values(config, _RUN_FIELDS)
        try:
            return cls(targets=list(config.song.targets or ()), **{**lists, **plain})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = str(first["loc"][0]) if first["loc"] else "parameters"
            raise InvalidOption(field, remedy=first["msg"]) from None


def _values(record: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}
