"""Folders of songs: they appear whole, or not at all."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import soundfile

from lasaft_core.musdb import FACTS
from lasaft_core.training.building.effects import Audio
from lasaft_core.training.building.score import RATE

MANIFEST: Final = "manifest.json"  # of everything that a folder of data was built from
SUBTYPE: Final = "PCM_16"


def write_folder(folder: Path, audio: Mapping[str, Audio], facts: Mapping[str, Any]) -> None:
    """{name: [samples, 2]} at 44.1 kHz as NAME.wav, of 16 bits, and what is known of them. Raises
    OSError where the folder is there already."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, samples in audio.items():
        soundfile.write(part / f"{name}.wav", samples, RATE, subtype=SUBTYPE)
    (part / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
    part.replace(folder)


def remove_folder(folder: Path) -> None:
    """It disappears whole, if it is there."""
    if folder.exists():
        hidden = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(hidden, ignore_errors=True)
        folder.replace(hidden)
        shutil.rmtree(hidden)
