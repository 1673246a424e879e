"""Modulations of a block's channels by the condition: FiLM, PoCM and GPoCM.

PoCM and GPoCM are equations 6 and 7 of arXiv 2010.11631; FiLM is arXiv 1709.07871, used for
source separation in arXiv 1907.01277. All take x [B, C, T, F].
Legend: B batch, C channels, T frames, F bins.
"""

import torch
from torch import Tensor


def film(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """gamma * x + beta, with gamma and beta [B, C], or [B, 1] for the simple FiLM."""
    return x * gamma[:, :, None, None] + beta[:, :, None, None]


def pocm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """A 1 x 1 convolution whose weights the condition generates: equation 6.

    gamma [B, C_in, C_out], beta [B, C_out]. As published, gamma multiplies from the right:
    out_c = beta_c + sum_j x_j gamma_jc.
    """
    return torch.einsum("bjtf,bjc->bctf", x, gamma) + beta[:, :, None, None]  # B, C, T, F


def gpocm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """x gated by its own modulation: equation 7. Shapes as in `pocm`."""
    return x * torch.sigmoid(pocm(x, gamma, beta))
