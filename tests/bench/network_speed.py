"""Audio seconds separated in a second: the plain network, target by target, and the fast one.

    python tests/bench/network_speed.py [--preset NAME ...] [--rounds 3] [--no-compiled] [--out F]

Random weights, four targets (one for a one-target network), no overlap. Every way of computing
runs in a process of its own, since the fast ones change how the process keeps its memory; the
best round counts. "limit" is the share of the arithmetic that a matrix product of the same
precision reaches here; the agreement with the plain network is a signal-to-difference ratio of
the waveforms, and the largest difference as a share of the largest sample.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS, BooleanOptionalAction
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from random_networks import random_network
from tables import parser, publish, table
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from infra.demo.origins import read_falcon_stems
from lasaft_core.estimator import Estimator, PlainEstimator
from lasaft_core.fast import SpecialisedUNet
from lasaft_core.fast.compilation import compile_network
from lasaft_core.metrics import sdr_db
from lasaft_core.models import PRESETS
from lasaft_core.separator import Separator
from lasaft_core.training.music import mixture

DEFAULT = ("lasaft-large", "cunet-gpocm-lasaft", "tfc-tdf-large", "lasaft-subband")
PRECISIONS = ("float32", "bfloat16")
MATRIX, BATCH = 2048, 2
KINDS = {
    "aten::mkldnn_convolution": "products",
    "aten::_convolution": "products",
    "aten::bmm": "products",
    "aten::cat": "joins of channels",
    "aten::copy_": "changes of layout",
}
COLUMNS = ("network", "computed as", "audio seconds a second", "faster", "limit", "agreement")
COLUMNS += ("where its time goes",)


def product_rate(precision):
    """Operations a second of a square matrix product, the better one of two libraries."""
    dtype = getattr(torch, precision)
    a, b = (torch.randn(MATRIX, MATRIX, dtype=dtype) for _ in range(2))
    image, kernel = a[None, :, None].permute(0, 3, 2, 1), b[:, :, None, None]
    products = (lambda: a @ b, lambda: torch.nn.functional.conv2d(image, kernel))
    return 2 * MATRIX**3 / min(best_seconds(product, 6) for product in products)


def best_seconds(work, rounds):
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def operations(preset):
    """Of the specialised network, for a batch."""
    config = PRESETS[preset]
    spectrogram = torch.zeros(BATCH, 4, config.num_frames, config.n_fft // 2 + 1)
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        SpecialisedUNet(random_network(preset), config.targets)(spectrogram)
    return counter.get_total_flops()


def estimator(preset, way):
    """`way`: plain, or a precision, with `-compiled` behind it or not."""
    network, (precision, _, compiled) = random_network(preset), way.partition("-")
    if precision == "plain":
        return PlainEstimator(network, device="cpu")
    later = math.inf if compiled else None
    made = Estimator(network, device="cpu", precision=precision, compile_after_seconds=later)
    if compiled:
        specialised = SpecialisedUNet(network, network.config.targets)
        assert compile_network(specialised.in_precision(getattr(torch, precision)))
    return made


def time_by_kind(work):
    """Shares of the time of one call, largest first; {} for compiled code, which has no names."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    shares = Counter()
    for event in profiled.key_averages():
        shares[KINDS.get(event.key, "the rest")] += event.self_cpu_time_total
    if "products" not in shares:
        return {}
    return {kind: spent / shares.total() for kind, spent in shares.most_common()}


def measure(preset, way, rounds, estimates):
    """One way in this process: its best seconds; its estimates go to a file."""
    config = PRESETS[preset]
    rng = np.random.default_rng(0)
    windows = rng.normal(0, 0.1, (BATCH, config.window_samples, 2)).astype(np.float32)
    estimate = estimator(preset, way)
    stems = estimate(windows, config.targets)
    np.save(estimates, np.stack([stems[target] for target in config.targets]))
    seconds = best_seconds(lambda: estimate(windows, config.targets), rounds)
    kinds = time_by_kind(lambda: estimate(windows, config.targets))
    print(json.dumps({"seconds": seconds, "kinds": kinds}))


def measured(preset, way, rounds, folder):
    estimates = Path(folder, f"{way}.npy")
    command = [sys.executable, __file__, "--measure", preset, way, str(estimates)]
    command += ["--rounds", str(rounds)]
    environment = {**os.environ, "LASAFT_COMPILED": folder}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1]) | {"stems": np.load(estimates)}


def lines(preset, ways, rounds, rates):
    """One for each way of computing, the plain one first."""
    config = PRESETS[preset]
    with tempfile.TemporaryDirectory() as folder:
        plain, *fast = (measured(preset, way, rounds, folder) for way in ("plain", *ways))
    audio_seconds, count = BATCH * config.window_samples / config.sample_rate, operations(preset)
    yield [preset, "plain", f"{audio_seconds / plain['seconds']:.2f}", *["" for _ in COLUMNS[3:]]]
    for way, result in zip(ways, fast, strict=True):
        seconds, reference = result["seconds"], plain["stems"]
        share = count / seconds / rates[way.partition("-")[0]]
        difference = np.abs(result["stems"] - reference).max() / np.abs(reference).max()
        line = [preset, way, f"{audio_seconds / seconds:.2f}"]
        line += [f"{plain['seconds'] / seconds:.1f}x", f"{100 * share:.0f} %"]
        line += [f"{sdr_db(reference, result['stems']):.0f} dB, {difference:.0e}"]
        yield [*line, ", ".join(f"{kind} {100 * s:.0f} %" for kind, s in result["kinds"].items())]


def largest_change_db():
    """Of the SDR of the default checkpoint's stems of a real song, for float32 made bfloat16."""
    stems, _ = read_falcon_stems()
    exact, fast = (
        Separator.load(device="cpu", precision=precision).separate(mixture(stems))
        for precision in PRECISIONS
    )
    return max(abs(sdr_db(stems[t], fast[t]) - sdr_db(stems[t], exact[t])) for t in exact)


def main():
    options = parser(__doc__)
    options.add_argument("--preset", nargs="+", choices=PRESETS, default=DEFAULT)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--compiled", action=BooleanOptionalAction, default=True)
    options.add_argument("--measure", nargs=3, help=SUPPRESS)
    given = options.parse_args()
    if given.measure:
        preset, way, estimates = given.measure
        measure(preset, way, given.rounds, estimates)
        return
    ways = [*PRECISIONS, *(f"{p}-compiled" for p in PRECISIONS if given.compiled)]
    rates = {precision: product_rate(precision) for precision in PRECISIONS}
    products = ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in rates.items())
    rows = [row for preset in given.preset for row in lines(preset, ways, given.rounds, rates)]
    title = "Audio seconds separated in a second"
    quality = (
        "The default checkpoint on the real song of PyPI `stempeg`: bfloat16 changes the SDR of a "
        f"stem by at most {largest_change_db():.3f} dB."
    )
    publish(given.out, title, f"Matrix products: {products}.", table(COLUMNS, rows), quality)


if __name__ == "__main__":
    main()
