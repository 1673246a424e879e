"""Damaged audio and checkpoint files: each must be read or refused by one typed error.

    python tests/soak/fuzz.py [--inputs 2000] [--seed 0] [--keep DIR]

Files of many encoders and published checkpoints are mutated from the printed seed: bytes flipped,
sizes in headers made absurd, ends cut, pieces doubled, moved, zeroed. A child process reads them. A
crash, a hang of more than 20 s of its time, more than 1 GB of memory, or an error that is none of
the project's own is a fault; `--keep` stores such inputs. The exit code is 1 where there was one.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import numpy as np
import soundfile

CPU_SECONDS, WALL_SECONDS, MEMORY_MB = 20.0, 120.0, 1024
EXTREMES = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x00" * 4, b"\x01" * 4)
GOLDEN = Path(__file__).parents[1] / "golden"
CHECKPOINTS = ("tdf_net.ckpt", "tfc_film.ckpt", "tfc_gpocm_lasaft.ckpt")
SUFFIXES = {
    "wav": ("WAV", "PCM_16"), "w24.wav": ("WAV", "PCM_24"), "float.wav": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"), "aiff": ("AIFF", "PCM_16"), "caf": ("CAF", "PCM_16"),
    "w64": ("W64", "PCM_16"), "au": ("AU", "PCM_16"),
}  # fmt: skip


def originals():
    """{suffix: bytes}; a second of noise in each."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((48_000, 2))
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, (container, subtype) in SUFFIXES.items():
            path = Path(folder, f"song.{suffix}")
            soundfile.write(path, noise, 48_000, format=container, subtype=subtype)
            files[suffix] = path.read_bytes()
        path = Path(folder, "song.m4a")
        write_m4a(path, noise.astype(np.float32))
        files["m4a"] = path.read_bytes()
    files |= {name: (GOLDEN / name).read_bytes() for name in CHECKPOINTS}
    return files


def write_m4a(path, samples):
    import av

    with av.open(str(path), "w", format="ipod") as output:
        stream = output.add_stream("aac", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
        )
        frame.sample_rate = 48_000
        for part in (frame, None):
            for packet in stream.encode(part):
                output.mux(packet)


def mutated(data, rng):
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if data:
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, rng)
    return bytes(data)


def _place(data, rng):
    """Most often in the header."""
    end = len(data) if rng.random() < 0.4 else min(len(data), 400)
    return int(rng.integers(end))


def _flip(data, rng):
    for _ in range(int(rng.integers(1, 9))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _extreme(data, rng):
    at = _place(data, rng)
    data[at : at + 4] = EXTREMES[int(rng.integers(len(EXTREMES)))]


def _cut(data, rng):
    del data[_place(data, rng) :]


def _double(data, rng):
    at, size = _place(data, rng), int(rng.integers(1, 2000))
    data[at:at] = data[at : at + size]


def _remove(data, rng):
    at, size = _place(data, rng), int(rng.integers(1, 2000))
    del data[at : at + size]


def _zero(data, rng):
    at, size = _place(data, rng), int(rng.integers(1, 200))
    data[at : at + size] = bytes(len(data[at : at + size]))


def _random(data, rng):
    at, size = _place(data, rng), int(rng.integers(1, 50))
    data[at : at + size] = rng.bytes(size)


MUTATIONS = (_flip, _extreme, _cut, _double, _remove, _zero, _random)


def read(path):
    """The name of the project's error, "read", or "untyped" and what it was."""
    from lasaft_core.audio.reader import open_audio
    from lasaft_core.checkpoints import load_checkpoint
    from lasaft_core.errors import LasaftError

    try:
        if path.suffix in (".ckpt", ".safetensors"):
            load_checkpoint(str(path)).build()
        else:
            with open_audio(path) as reader:
                for _ in reader.blocks():
                    pass
    except LasaftError as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001  what else there is, is a finding
        return f"untyped {type(error).__name__}: {error}"
    return "read"


def child():
    """Reads the files that standard input names, a line of facts for each."""
    import lasaft_core.audio.reader
    import lasaft_core.checkpoints  # noqa: F401  no file pays for PyTorch
    from ray_actors.attempts import peak_memory_bytes

    for line in sys.stdin:
        started = time.process_time()
        outcome = read(Path(line.rstrip("\n")))
        facts = {
            "outcome": outcome,
            "seconds": time.process_time() - started,
            "memory_mb": peak_memory_bytes() / 2**20,
        }
        print(json.dumps(facts), flush=True)


class Reader:
    """The child process; another one after it has died."""

    def __init__(self):
        self.process, self.answers = None, Queue()

    def facts_of(self, path):
        if self.process is None:
            command = [sys.executable, __file__, "--child"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **pipes)
            self.answers = Queue()
            self.listener = Thread(target=self._listen, args=(self.process, self.answers))
            self.listener.start()
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        try:
            answer = self.answers.get(timeout=WALL_SECONDS)
        except Empty:
            self.end()
            return {"outcome": "hang", "seconds": WALL_SECONDS, "memory_mb": 0}
        if answer is None:
            code = self.process.wait()
            self.end()
            return {"outcome": f"crash {code}", "seconds": 0, "memory_mb": 0}
        return json.loads(answer)

    @staticmethod
    def _listen(process, answers):
        for line in process.stdout:
            answers.put(line)
        answers.put(None)

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.listener.join()
            for pipe in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            self.process = None


def fault_of(facts):
    if facts["outcome"].startswith(("untyped", "crash", "hang")):
        return facts["outcome"]
    if facts["seconds"] > CPU_SECONDS:
        return f"{facts['seconds']:.1f} s"
    if facts["memory_mb"] > MEMORY_MB:
        return f"{facts['memory_mb']:.0f} MB"
    return None


def fuzz(inputs, seed, keep=None):
    """(outcomes by name, faults by input)."""
    rng, sources = np.random.default_rng(seed), sorted(originals().items())
    outcomes, faults, reader = Counter(), {}, Reader()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(inputs):
            suffix, data = sources[number % len(sources)]
            path = Path(folder, f"{seed}-{number}.{suffix}")
            path.write_bytes(mutated(data, rng))
            facts = reader.facts_of(path)
            fault = fault_of(facts)
            outcomes[facts["outcome"].partition(" ")[0]] += 1
            if fault:
                faults[path.name] = fault
                reader.end()
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, keep)
            path.unlink()
    reader.end()
    return outcomes, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
        return 0
    outcomes, faults = fuzz(given.inputs, given.seed, given.keep)
    print(f"{given.inputs} damaged files from seed {given.seed}: {len(faults)} faults")
    for outcome, count in outcomes.most_common():
        print(f"  {outcome}: {count}")
    for name, fault in faults.items():
        print(f"  FAULT {name}: {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
