"""The exception tree. Every message says what, expected, got, remedy.

LasaftError
|-- UsageError                 nothing can start; the commands end with code 2
|   |-- InvalidOption
|   |   `-- UnknownTarget
|   |-- StoreError             missing bucket, refused credentials, unwritable destination
|   |   `-- StoreBrokeOff
|   |-- WorkersUnavailable     no worker process starts, or none is left
|   `-- CheckpointError
|       |-- UnknownCheckpoint
|       |-- UnreadableCheckpoint
|       `-- UnsupportedCheckpoint
|-- RunBrokenOff             a run that had begun and can't go on; code 1
|-- TrainingDiverged         a training whose loss is no number any more
`-- TrackError                 one track's fault: it costs one row, the run goes on
    |-- UnsupportedChannels    (skipped)
    |-- UnsupportedRate        (skipped)
    |-- TooLong                (skipped)
    |-- EmptySource
    |-- NotAudio
    |-- TruncatedAudio
    |-- NonFiniteAudio
    |-- SourceForbidden
    |-- SourceGone
    |-- StoreUnavailable
    |-- ScratchFull
    |-- PublicationMismatch
    `-- WorkerLost
"""

from typing import ClassVar


class LasaftError(Exception):
    """Root of the tree; formats `what: expected X, got Y; remedy`."""

    def __init__(
        self, what: str, *, expected: object = None, got: object = None, remedy: str = ""
    ) -> None:
        self.what, self.expected, self.got, self.remedy = what, expected, got, remedy
        facts = [f"{k} {v}" for k, v in (("expected", expected), ("got", got)) if v is not None]
        message = f"{what}: {', '.join(facts)}" if facts else what
        super().__init__(f"{message}; {remedy}" if remedy else message)

    def __reduce__(self) -> tuple[object, ...]:
        state = {k: getattr(self, k) for k in ("what", "expected", "got", "remedy")}
        return _rebuild, (type(self), state)


def _rebuild(kind: type[LasaftError], state: dict[str, object]) -> LasaftError:
    what = str(state.pop("what"))
    return kind(what, **state)  # type: ignore[arg-type]


class UsageError(LasaftError):
    """The caller must change something before any track can be worked on."""


class InvalidOption(UsageError):
    """An option's value is outside its choices or range."""


class UnknownTarget(InvalidOption):
    """A target that the network was not trained for."""


class StoreError(UsageError):
    """A source or destination that can't be listed, read or written at all."""


class StoreBrokeOff(StoreError):
    """A connection broke before the answer was whole: what was asked for may have been done."""


class WorkersUnavailable(UsageError):
    """No worker process could load its network, or none is left to go on with."""


class CheckpointError(UsageError):
    """A checkpoint that can't be used."""


class UnknownCheckpoint(CheckpointError):
    """No registered name, file or object of this name."""


class UnreadableCheckpoint(CheckpointError):
    """Not a checkpoint, damaged, or nothing but inert objects in it."""


class UnsupportedCheckpoint(CheckpointError):
    """Readable tensors of another kind of network."""


class RunBrokenOff(LasaftError):
    """Store or workers were lost after songs had been done: what is published stays."""


class TrainingDiverged(LasaftError):
    """The loss has become infinite or NaN: no further step can mend the weights."""


class TrackError(LasaftError):
    """One track can't be done. `reason` is the stable code that stands in its row.

    `lasting`: the same bytes would fail again, so that only a new upload is worth a new try.
    """

    reason: ClassVar[str] = "failed"
    status: ClassVar[str] = "failed"
    lasting: ClassVar[bool] = False


class UnsupportedChannels(TrackError):
    """More channels than the channel policy takes."""

    reason, status = "unsupported_channels", "skipped"


class UnsupportedRate(TrackError):
    """A sample rate that the output format can't hold."""

    reason, status = "unsupported_rate", "skipped"


class TooLong(TrackError):
    """More audio than a song can be: it would fill the scratch disk."""

    reason, status = "too_long", "skipped"


class EmptySource(TrackError):
    """An object of zero bytes, or audio of zero frames."""

    reason, lasting = "empty", True


class NotAudio(TrackError):
    """Bytes that no decoder knows, or a damaged header."""

    reason, lasting = "not_audio", True


class TruncatedAudio(TrackError):
    """The container promises more than it holds, or the stream breaks off."""

    reason, lasting = "truncated", True


class NonFiniteAudio(TrackError):
    """NaN or infinite samples."""

    reason, lasting = "non_finite", True


class SourceForbidden(TrackError):
    """The store lists the object but refuses to hand it out."""

    reason = "forbidden"


class SourceGone(TrackError):
    """The object vanished between listing and reading, or changed under way."""

    reason = "gone"


class StoreUnavailable(TrackError):
    """The store did not answer within its retries."""

    reason = "store_unavailable"


class ScratchFull(TrackError):
    """Not enough local disk for the track's temporary files."""

    reason = "scratch_full"


class PublicationMismatch(TrackError):
    """The store holds something else than what was put."""

    reason = "publication_mismatch"


class WorkerLost(TrackError):
    """The worker process died while it held the track."""

    reason = "worker_lost"
