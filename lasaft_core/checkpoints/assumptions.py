"""What a checkpoint may leave open, and what is then assumed.

A file without hyper-parameters tells its architecture by its tensors, but neither the STFT's hop
nor the frames of a window, and a one-target network rarely says which target it is for.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lasaft_core.errors import UnsupportedCheckpoint


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The caller's own values in place of the defaults; None leaves a field to its default.

    n_fft: 2048 where no tensor tells it. hop_samples: half of n_fft for a one-target network,
    else at most 1024. num_frames: 128, but 64 for the first notebooks' networks of n_fft 2048.
    is_centered, channel_order: False and "sides" in the notebooks' layout, else True and "parts".
    targets: vocals. spectrogram: complex for an even number of channels above two, else magnitude.
    estimation: mapping. activation: relu. last_activation: identity. modulation: gpocm where the
    tensors could be of pocm as well.
    """

    n_fft: int | None = None
    hop_samples: int | None = None
    num_frames: int | None = None
    is_centered: bool | None = None
    channel_order: str | None = None
    targets: tuple[str, ...] | None = None
    spectrogram: str | None = None
    estimation: str | None = None
    activation: str | None = None
    last_activation: str | None = None
    modulation: str | None = None

    def given(self) -> dict[str, Any]:
        """What is not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def default_values(
    known: Mapping[str, Any], *, channels: int, of_notebooks: bool
) -> dict[str, Any]:
    """Defaults of all fields that a file may leave open, for what is known of its network."""
    told = known.get("n_fft")
    n_fft = told if isinstance(told, int) else 2048
    return {
        "n_fft": n_fft,
        "hop_samples": n_fft // 2 if known["modulation"] == "none" else min(1024, n_fft // 2),
        "num_frames": 64 if of_notebooks and n_fft <= 2048 else 128,
        "is_centered": not of_notebooks,
        "channel_order": "sides" if of_notebooks else "parts",
        "targets": ("vocals",),
        "spectrogram": "complex" if channels > 2 and channels % 2 == 0 else "magnitude",
        "estimation": "mapping",
        "activation": "relu",
        "last_activation": "identity",
    }


def check_agreement(known: Mapping[str, Any], given: Mapping[str, Any], name: str) -> None:
    """Raises UnsupportedCheckpoint where the caller says something else than the file."""
    for field, value in given.items():
        if field in known and known[field] != value:
            raise UnsupportedCheckpoint(
                f"checkpoint {name}",
                expected=f"{field} {value}, as was asked for",
                got=known[field],
                remedy=f"leave {field} to the file",
            )
