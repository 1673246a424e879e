"""The mean of two checkpoints' weights, of the same network before and after a training: the
network keeps what it knew of music that the training had little of. Where the training had deeper
blocks, convolutions that only these have are as after it, and read with `share` of their weights.

    python tests/bench/averaged_weights.py BEFORE AFTER --share 0.6 --out mean.safetensors
"""

import argparse
from dataclasses import replace
from pathlib import Path

from lasaft_core.checkpoints import load_checkpoint
from lasaft_core.checkpoints.conversion import convert
from lasaft_core.training.initialisation import grown


def averaged(before, after, share):
    """{name: tensor}, of which `share` is that of `after`; integers are those of `after`."""
    return {
        name: before[name].float().lerp(tensor.float(), share)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in after.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--share", type=float, default=0.5, help="of the second's weights")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    before, after = load_checkpoint(given.before), load_checkpoint(given.after)
    tensors = averaged(grown(before.build(), after.build()), after.tensors, given.share)
    convert(replace(after, tensors=tensors), given.out, overwrite=False)


if __name__ == "__main__":
    main()
