"""Audio seconds separated in a second: the plain network, target by target (but for a
mixture-consistent one), and the fast one.

    python tests/bench/network_speed.py [--preset NAME ...] [--rounds 3] [--no-compiled]
                                        [--batch 2 ...] [--out FILE]

Random weights, four targets (one for a one-target network), no overlap: what windows keep without
their context counts. Every way of computing runs in a process of its own, since the fast ones
change how the process keeps its memory ("plain, memory kept": the plain one with that); the best
round counts. "limit" is the share of the arithmetic that a matrix product of the same
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
from lasaft_core.allocator import keep_freed_memory
from lasaft_core.estimator import Estimator, PlainEstimator
from lasaft_core.fast import SpecialisedUNet
from lasaft_core.fast.compilation import compile_network
from lasaft_core.fast.packages import load_compiled
from lasaft_core.metrics import sdr_db
from lasaft_core.models import PRESETS
from lasaft_core.overlap_add import WindowPlan
from lasaft_core.separator import Separator
from lasaft_core.training.music import mixture

DEFAULT = ("lasaft-large", "cunet-gpocm-lasaft", "tfc-tdf-large", "lasaft-subband")
PRECISIONS = ("float32", "bfloat16")
KEPT = "plain, memory kept"
MATRIX = 2048
KINDS = {
    "aten::mkldnn_convolution": "products",
    "aten::_convolution": "products",
    "aten::bmm": "products",
    "aten::cat": "joins of channels",
    "aten::copy_": "changes of layout",
}
COLUMNS = (
    "network",
    "computed as",
    "windows at once",
    "audio seconds a second",
    "faster",
    "limit",
    "agreement",
)
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
    """Of the specialised network, for one window."""
    config = PRESETS[preset]
    spectrogram = torch.zeros(1, 4, config.num_frames, config.n_fft // 2 + 1)
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        SpecialisedUNet(random_network(preset), config.targets)(spectrogram)
    return counter.get_total_flops()


def estimator(preset, way):
    """`way`: plain, or a precision, with `-compiled` behind it or not. None: can't be compiled."""
    network, (precision, _, compiled) = random_network(preset), way.partition("-")
    if way in ("plain", KEPT):
        if way == KEPT:
            keep_freed_memory()
        return PlainEstimator(network, device="cpu")
    if compiled:
        specialised = SpecialisedUNet(network, network.config.targets)
        specialised.in_precision(getattr(torch, precision))
        if not compile_network(specialised) or load_compiled(specialised) is None:
            return None
    later = math.inf if compiled else None
    return Estimator(network, device="cpu", precision=precision, compile_after_seconds=later)


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


def measure(preset, way, batch, rounds, estimates):
    """One way in this process: its best seconds, None if it can't be; its estimates of the first
    window go to a file."""
    config = PRESETS[preset]
    rng = np.random.default_rng(0)
    windows = rng.normal(0, 0.1, (batch, config.window_samples, 2)).astype(np.float32)
    estimate = estimator(preset, way)
    if estimate is None:
        print(json.dumps({"seconds": None}))
        return
    stems = estimate(windows, config.targets)
    np.save(estimates, np.stack([stems[target][0] for target in config.targets]))
    seconds = best_seconds(lambda: estimate(windows, config.targets), rounds)
    kinds = time_by_kind(lambda: estimate(windows, config.targets))
    print(json.dumps({"seconds": seconds, "kinds": kinds}))


def measured(preset, way, batch, rounds, folder):
    estimates = Path(folder, "stems.npy")
    command = [sys.executable, __file__, "--measure", preset, way, str(estimates)]
    command += ["--rounds", str(rounds), "--batch", str(batch)]
    environment = {**os.environ, "LASAFT_COMPILED": folder}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    result = json.loads(done.stdout.splitlines()[-1])
    return result if result["seconds"] is None else result | {"stems": np.load(estimates)}


def lines(preset, ways, batches, rounds, rates):
    """One for each way of computing and number of windows, the plain one first."""
    config, first = PRESETS[preset], batches[0]
    plan = WindowPlan(config.window_samples, config.context_samples, overlap=0.0)
    kept, count = plan.stride_samples / config.sample_rate, operations(preset)
    with tempfile.TemporaryDirectory() as folder:
        plain = measured(preset, "plain", first, rounds, folder)
        speed = first * kept / plain["seconds"]
        yield [preset, "plain", first, f"{speed:.2f}", *["" for _ in COLUMNS[4:]]]
        for way, batch in [(KEPT, first), *((way, batch) for way in ways for batch in batches)]:
            result = measured(preset, way, batch, rounds, folder)
            if result["seconds"] is None:
                yield [preset, way, batch, "could not be compiled", *["" for _ in COLUMNS[4:]]]
                continue
            windows_a_second = batch / result["seconds"]
            line = [preset, way, batch, f"{windows_a_second * kept:.2f}"]
            line += [f"{windows_a_second * kept / speed:.1f}x"]
            rate = rates.get(way.partition("-")[0])
            line += [f"{100 * count * windows_a_second / rate:.0f} %" if rate else ""]
            reference = plain["stems"]
            difference = np.abs(result["stems"] - reference).max() / np.abs(reference).max()
            line += [f"{sdr_db(reference, result['stems']):.0f} dB, {difference:.1e}"]
            kinds = result["kinds"].items()
            yield [*line, ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in kinds)]


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
    options.add_argument("--batch", type=int, nargs="+", default=[2], metavar="WINDOWS")
    options.add_argument("--compiled", action=BooleanOptionalAction, default=True)
    options.add_argument("--measure", nargs=3, help=SUPPRESS)
    given = options.parse_args()
    if given.measure:
        preset, way, estimates = given.measure
        measure(preset, way, given.batch[0], given.rounds, estimates)
        return
    keep_freed_memory()
    ways = [*PRECISIONS, *(f"{p}-compiled" for p in PRECISIONS if given.compiled)]
    rates = {precision: product_rate(precision) for precision in PRECISIONS}
    products = ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in rates.items())
    rows = [
        row
        for preset in given.preset
        for row in lines(preset, ways, given.batch, given.rounds, rates)
    ]
    title = "Audio seconds separated in a second"
    quality = (
        "The default checkpoint on the real song of PyPI `stempeg`: bfloat16 changes the SDR of a "
        f"stem by at most {largest_change_db():.3f} dB."
    )
    publish(given.out, title, f"Matrix products: {products}.", table(COLUMNS, rows), quality)


if __name__ == "__main__":
    main()
