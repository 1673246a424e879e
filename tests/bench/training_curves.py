"""Validation SDR of a training by steps, as a picture, from the `log.jsonl` that it wrote.

    python tests/bench/training_curves.py LOG... --out curves.png

Several logs follow each other, as trainings do that begin with the weights of the one before.
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

from lasaft_core.musdb import TARGETS


def points(logs):
    """[(steps in all, {target: dB})] of all validations."""
    found, before = [], 0
    for log in logs:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        found += [(before + line["step"], line["sdr_db"]) for line in lines if "sdr_db" in line]
        before += max(line["step"] for line in lines)
    return found


def draw(found, out):
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    steps = [step for step, _ in found]
    for target in TARGETS:
        axes.plot(steps, [sdr_db[target] for _, sdr_db in found], marker=".", label=target)
    axes.set(xlabel="step", ylabel="median SDR of the validation songs (dB)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    draw(points(given.logs), given.out)


if __name__ == "__main__":
    main()
