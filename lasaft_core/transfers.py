"""Windows to the device and stems back, beside the computing where the device is a GPU.

    upload     |part 1|part 2|
    compute           |part 1       |part 2       |
    download                        |part 1|      |part 2|

A GPU copies to and from page-locked memory only while it computes, each way on a stream of its
own. On a processor nothing is copied.
"""

from typing import Protocol

import torch
from torch import Tensor


class Transfers(Protocol):
    """`parts`: into how many a batch is split, so that copies have something to run beside."""

    parts: int

    def upload(self, windows: Tensor) -> Tensor:
        """The same on the device, ready for the work that is issued next."""

    def download(self, stems: Tensor) -> Tensor:
        """The same on the host, whole after `finish`."""

    def finish(self) -> None:
        """Waits for all downloads."""


class NoTransfers:
    """The host is the device."""

    parts = 1

    def upload(self, windows: Tensor) -> Tensor:
        return windows

    def download(self, stems: Tensor) -> Tensor:
        return stems

    def finish(self) -> None:
        pass


class CudaTransfers:
    """Through page-locked memory, which PyTorch keeps for the next batch."""

    parts = 2

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._up, self._down = (torch.cuda.Stream(self._device) for _ in range(2))

    def upload(self, windows: Tensor) -> Tensor:
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._up):
            there = windows.pin_memory().to(self._device, non_blocking=True)
        computing.wait_stream(self._up)
        there.record_stream(computing)
        return there

    def download(self, stems: Tensor) -> Tensor:
        self._down.wait_stream(torch.cuda.current_stream(self._device))
        here = torch.empty(stems.shape, dtype=stems.dtype, pin_memory=True)
        with torch.cuda.stream(self._down):
            here.copy_(stems, non_blocking=True)
        stems.record_stream(self._down)
        return here

    def finish(self) -> None:
        self._down.synchronize()


def transfers_of(device: str) -> Transfers:
    """Of `cpu`, `cuda` or `cuda:N`."""
    return NoTransfers() if device == "cpu" else CudaTransfers(device)
