"""What the measured costs of a catalog come to for more songs and more GPUs.

Costs of other sizes lie on a line through the sizes that were measured; the rates are those of the
run's one driver, which hands out the tracks and commits their rows.
"""

import numpy as np
from tables import table

from flows.publishing import BATCH_TRACKS

SONGS = (100_000, 1_000_000, 10_000_000)
SONG_SECONDS, DAY_SECONDS = 240.0, 86_400
GPU_SPEEDS = (100, 300, 1000)  # audio seconds a second: to be measured on the GPU at hand
COSTS = (
    *("list a bucket", "list a folder", "plan a made-up listing", "plan a made-up listing, MB"),
    *("first flush", "flush", "flush that replaces rows of all files"),
)


def growth_tables(found, counts, driver_rate):
    """Two tables and a sentence, as Markdown."""
    rows = [[name, *(_cell(found, counts, name, songs) for songs in SONGS)] for name in COSTS]
    flush_rate = BATCH_TRACKS / _cost(found, counts, "flush", SONGS[-1])
    songs_a_second = 1 / (1 / driver_rate + 1 / flush_rate)  # one thread does both
    columns = ("a GPU's audio seconds a second", "GPUs that one run keeps busy", "GPU-days")
    return (
        "At other sizes, on a line through those that were measured:",
        table(["", *(f"{songs:,} songs" for songs in SONGS)], rows),
        f"One driver hands out and takes back {driver_rate:.0f} tracks a second and commits "
        f"{flush_rate:.0f} rows a second at {SONGS[-1]:,} songs. For that many of "
        f"{SONG_SECONDS:.0f} s:",
        table(columns, [_gpus(speed, songs_a_second) for speed in GPU_SPEEDS]),
    )


def _gpus(speed, songs_a_second):
    days = SONGS[-1] * SONG_SECONDS / speed / DAY_SECONDS
    return [speed, f"{songs_a_second * SONG_SECONDS / speed:.0f}", f"{days:.0f}"]


def _cost(found, counts, name, songs):
    """Through the origin where only one size was measured; nothing costs less where more is."""
    known = [count for count in counts if name in found[count]]
    costs = [found[count][name] for count in known]
    if songs in known:
        return found[songs][name]
    if len(known) == 1:
        return costs[0] * songs / known[0]
    slope, start = np.polyfit(known, costs, 1)
    return slope * songs + start if slope > 0 else max(costs)


def _cell(found, counts, name, songs):
    cost = _cost(found, counts, name, songs)
    return f"{cost:,.0f} MB" if name.endswith("MB") else f"{cost:,.2f} s"
