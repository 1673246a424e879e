"""SDR of the default network's stems on songs that it never saw, beside the mixture's.

Prints a Markdown table: the real song that PyPI `stempeg` ships (6 s, MUSDB18 test, evaluation
only), and the recorded song in the folder that `--tracks` names, a
file a track, whose names say which are vocals, drums or bass; where nobody sings, how far the
vocals stem is below the mixture. `--tdc` adds the row of the networks' author, of the weights for
vocals that he published (`cac_tdc_17_vocals_top1.pt`). An empty stem scores 0 dB.

    python tests/bench/default_quality.py [--tracks DIR] [--tdc FILE] [--checkpoint default]
"""

import argparse
from pathlib import Path

import numpy as np
from surroundings import surroundings

from infra.demo.origins import read_falcon_stems
from lasaft_core import Separator
from lasaft_core.metrics import sdr_db
from lasaft_core.musdb import TARGETS
from lasaft_core.training.building.multitracks import recorded_song
from lasaft_core.training.building.sources import Source
from lasaft_core.training.music import mixture

TRACKS = {"vocals": ["*vo[cx]*"], "drums": ["*drum*"], "bass": ["*bass*"]}


def scores(separator, stems):
    """{target: (SDR of the stem, SDR of the mixture)}; NaN of silence."""
    mix = mixture(stems)
    estimates = separator.separate(mix)
    return {t: _pair(stems[t], estimates.get(t), mix) for t in TARGETS}


def _pair(stem, estimate, mix):
    if estimate is None or not stem.any():
        return np.nan, np.nan
    return sdr_db(stem, estimate), sdr_db(stem, mix)


def tracks_of(folder):
    """The stems of a song in a folder of tracks."""
    files = tuple(sorted(file for file in folder.iterdir() if file.is_file()))
    return recorded_song(Source("multitracks", folder.name, files, "", "", stems=TRACKS)).stems


def below_mixture_db(separator, stems):
    """Level of the vocals stem under the mixture's, for a song without vocals."""
    mix = mixture(stems)
    vocals = separator.separate(mix)["vocals"]
    return 10 * np.log10(np.sum(mix**2, dtype=float) / np.sum(vocals**2, dtype=float))


def print_table(results):
    print(f"| songs | {' | '.join(TARGETS)} | mean | mean above the mixture |")
    print("|---" * (len(TARGETS) + 3) + "|")
    for name, by_target in results.items():
        cells = [
            "" if np.isnan(stem) else f"{stem:+.2f} ({mix:+.2f})"
            for stem, mix in by_target.values()
        ]
        stem, mix = np.nanmean(list(by_target.values()), axis=0)
        cells = ["" if "nan" in cell else cell for cell in cells]
        print(f"| {name} | {' | '.join(cells)} | {stem:+.2f} ({mix:+.2f}) | {stem - mix:+.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--tracks", type=Path)
    parser.add_argument("--tdc")
    given = parser.parse_args()
    separator = Separator.load(given.checkpoint)
    song, _ = read_falcon_stems()
    results = {"real (stempeg)": scores(separator, song)}
    if given.tdc:
        results["real (stempeg), author's TDC"] = scores(Separator.load(given.tdc), song)
    if given.tracks:
        recorded = tracks_of(given.tracks)
        results[f"real ({given.tracks.name})"] = scores(separator, recorded)
    print(
        f"{separator.model_name}, SHA-256 {separator.weights_sha256[:12]}, float32, overlap 0.25; "
        f"{surroundings()}\n"
    )
    print("SDR in dB, the mixture's in brackets.\n")
    print_table(results)
    if given.tracks and not recorded["vocals"].any():
        below = below_mixture_db(separator, recorded)
        print(
            f"\n{given.tracks.name}, where nobody sings: vocals {below:.1f} dB below the mixture."
        )


if __name__ == "__main__":
    main()
