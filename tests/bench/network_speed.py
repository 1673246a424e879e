"""Audio seconds separated in a second: the plain network, target by target, and the fast one.

    python tests/bench/network_speed.py [--preset NAME ...] [--rounds 3]

Random weights, four targets (one for a one-target network), no overlap. The networks take turns,
the best round of each counts. "limit" is the share of the arithmetic that a matrix product of the
same precision reaches here; a signal-to-difference ratio compares with the plain network.
"""

import argparse
import time

import numpy as np
import torch
from surroundings import surroundings
from torch.utils.flop_counter import FlopCounterMode

from lasaft_core.estimator import Estimator, PlainEstimator
from lasaft_core.fast import SpecialisedUNet
from lasaft_core.metrics import sdr_db
from lasaft_core.models import PRESETS, UNet

PRECISIONS = ("float32", "bfloat16")
DEFAULT = ("lasaft-large", "cunet-gpocm-lasaft", "tfc-tdf-large", "lasaft-subband")
MATRIX, BATCH = 2048, 2


def product_rate(dtype):
    """Operations a second of a square matrix product."""
    a, b = (torch.randn(MATRIX, MATRIX, dtype=dtype) for _ in range(2))
    return 2 * MATRIX**3 / best_seconds(lambda: a @ b, 6)


def best_seconds(work, rounds):
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def operations(network, targets, config):
    """Of the specialised network, for a batch."""
    spectrogram = torch.zeros(BATCH, 4, config.num_frames, config.n_fft // 2 + 1)
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        SpecialisedUNet(network, targets)(spectrogram)
    return counter.get_total_flops()


def line(preset, rounds, rates):
    config = PRESETS[preset]
    torch.manual_seed(0)
    network = UNet(config).eval()
    rng = np.random.default_rng(0)
    windows = rng.normal(0, 0.1, (BATCH, config.window_samples, 2)).astype(np.float32)
    plain = PlainEstimator(network, device="cpu")
    fast = {name: Estimator(network, device="cpu", precision=name) for name in PRECISIONS}
    reference = plain(windows, config.targets)
    works = {"plain": lambda: plain(windows, config.targets)}
    works |= {name: lambda e=e: e(windows, config.targets) for name, e in fast.items()}
    estimates = {name: works[name]() for name in PRECISIONS}
    seconds = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name] = min(seconds[name], best_seconds(work, 1))
    audio_seconds = BATCH * config.window_samples / config.sample_rate
    count = operations(network, config.targets, config)
    cells = [preset, f"{audio_seconds / seconds['plain']:.2f}"]
    for name in PRECISIONS:
        ratio = seconds["plain"] / seconds[name]
        share = count / seconds[name] / rates[name]
        agreement_db = np.mean([sdr_db(reference[t], estimates[name][t]) for t in config.targets])
        cells += [f"{audio_seconds / seconds[name]:.2f}", f"{ratio:.1f}x", f"{100 * share:.0f} %"]
        cells += [f"{agreement_db:.0f} dB"]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rates = {name: product_rate(getattr(torch, name)) for name in PRECISIONS}
    products = ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in rates.items())
    print(f"{surroundings()}; matrix products: {products}.\n")
    columns = ["network", "plain"]
    for name in PRECISIONS:
        columns += [name, "faster", "limit", "agreement"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    for preset in given.preset:
        print(line(preset, given.rounds, rates), flush=True)


if __name__ == "__main__":
    main()
