"""Networks and recipes for the default checkpoint, trained for the same time on the same data.

Time is processor time, of all threads. Where others want the processor, too, threads wait for each
other and that counts: leave the machine alone.

Prints a Markdown table: one line a variant, which differs from the first line in what its name
says. All are small LaSAFT + GPoCM U-Nets with an encoder that is blind to the target.

    python tests/bench/network_comparison.py DATA [--minutes 4] [--only NAME ...]

DATA has the layout of MUSDB18-HQ, as `lasaft-stems build-data` writes it.
"""

import argparse
import platform
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from lasaft_core.checkpoints import Checkpoint
from lasaft_core.estimator import Estimator, resolve_precision
from lasaft_core.models import PRESETS
from lasaft_core.musdb import TARGETS, find_songs
from lasaft_core.separator import Separator
from lasaft_core.training.excerpts import Excerpts
from lasaft_core.training.learner import Learner
from lasaft_core.training.recipes import MODERN
from lasaft_core.training.validation import validate

EXCERPT_SECONDS, VALIDATION_SECONDS = 1.5, 10.0
BASE = replace(  # as compared
    PRESETS["lasaft-subband"],
    num_frames=64,
    num_conv_layers=2,
    encoder_conv_layers=None,
    input_rms=None,
    mixture_consistent=False,
)
NETWORKS = {
    "base": BASE,
    "2 latents": replace(BASE, num_latents=2),
    "8 latents": replace(BASE, num_latents=8),
    "LaSAFT": replace(BASE, block="tfc-lasaft", num_latents=2),
    "24 + 24 channels": replace(BASE, internal_channels=24, channel_growth=24),
    "48 channels, no growth": replace(BASE, internal_channels=48, channel_growth=0),
    "3 convolutions a block": replace(BASE, num_conv_layers=3),
    "3 convolutions behind the encoder": replace(BASE, num_conv_layers=3, encoder_conv_layers=2),
    "4 convolutions in the encoder": replace(BASE, encoder_conv_layers=4),
    "5 blocks": replace(BASE, num_blocks=5),
    "9 blocks": replace(BASE, num_blocks=9),
    "1 subband, 16 + 16 channels": replace(
        BASE, num_subbands=1, internal_channels=16, channel_growth=16
    ),
    "n_fft 2048": replace(BASE, n_fft=2048, hop_samples=1024, num_frames=128, num_subbands=2),
    "hop 1024": replace(BASE, hop_samples=1024, num_frames=128),
    "mapping": replace(BASE, estimation="mapping"),
    "real masks": replace(BASE, estimation="masking"),
    "linear input": replace(BASE, input_exponent=1.0),
    "mixture-consistent": replace(BASE, mixture_consistent=True),
}
RECIPES = {
    "loss: waveform L1 + spectrogram L1": {"loss": "waveform-and-spectrogram-l1"},
    "loss: waveform RMS": {"loss": "waveform-rms"},
    "loss: log MSE": {"loss": "waveform-log-mse"},
    "loss: spectrogram MSE": {"loss": "spectrogram-mse"},
    "rate 3e-3": {"learning_rate": 3e-3},
    "AdamW": {"optimiser": "adamw"},
    "AdamW, rate 3e-3": {"optimiser": "adamw", "learning_rate": 3e-3},
}


def variants():
    yield from ((name, network, {}) for name, network in NETWORKS.items())
    yield from (
        (name, BASE, changes)
        for name, changes in RECIPES.items()
        if replace(MODERN, **changes) != MODERN
    )


def recipe_for(network, changes):
    frames = round(EXCERPT_SECONDS * network.sample_rate / network.hop_samples)
    step = 2 ** sum(network.halves_frames(level) for level in range(network.num_levels))
    recipe = replace(
        MODERN,
        batch_size=8,
        excerpt_frames=step * max(1, frames // step),
        rate="constant",
        warmup_steps=20,
        ema_decay=0.97,
    )
    return replace(recipe, **changes)


def train(network, changes, songs, minutes, precision):
    recipe = recipe_for(network, changes)
    learner = Learner(network, recipe, seed=0, device="cpu", precision=precision)
    excerpts = Excerpts(songs, network, recipe, seed=0)
    started = time.process_time()
    while time.process_time() - started < minutes * 60:
        learner.update(excerpts[learner.step])
    return learner


def speed(estimator, config):
    """Seconds of windows, context included, separated into all targets in a second."""
    windows = torch.randn(2, config.window_samples, 2).numpy() * 0.1
    best = float("inf")
    for _ in range(4):
        started = time.perf_counter()
        estimator(windows, config.targets)
        best = min(best, time.perf_counter() - started)
    return 2 * config.window_samples / config.sample_rate / best


def line(name, network, changes, data, minutes, precision):
    learner = train(network, changes, find_songs(data, "train"), minutes, precision)
    checkpoint = Checkpoint(
        name=name, sha256="", licence=None, config=network, tensors=learner.weights()
    )
    separator = Separator(checkpoint, device="cpu", precision=precision)
    result = validate(separator, find_songs(data, "valid"), VALIDATION_SECONDS).sdr_db
    numbers = sum(parameter.numel() for parameter in learner.network.parameters())
    realtime = speed(
        Estimator(checkpoint.build().eval(), device="cpu", precision=precision), network
    )
    scores = [result[target] for target in TARGETS]
    cells = [name, f"{numbers / 1e6:.2f}", f"{realtime:.1f}", str(learner.step)]
    cells += [f"{score:+.2f}" for score in (*scores, sum(scores) / len(scores))]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--only", nargs="+")
    arguments = parser.parse_args()
    precision = resolve_precision("auto", "cpu")
    print(
        f"{arguments.minutes:g} processor minutes each, batches of two mixtures of "
        f"{EXCERPT_SECONDS} s and four targets; {platform.machine()}, {precision}, "
        f"torch {version('torch')}, {torch.get_num_threads()} threads; "
        f"{len(find_songs(arguments.data, 'train'))} songs.\n\n"
        "Median SDR in dB of the validation songs; speed in seconds of windows a second, their "
        "context included, all four targets.\n"
    )
    columns = ("variant", "million weights", "speed", "steps", *TARGETS, "mean")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    for name, network, changes in variants():
        if arguments.only is None or name in arguments.only:
            print(
                line(name, network, changes, arguments.data, arguments.minutes, precision),
                flush=True,
            )


if __name__ == "__main__":
    main()
