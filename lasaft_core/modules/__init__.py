"""The papers' building blocks, on tensors [batch, channels, frames, bins] (B, C, T, F).

Attribute names follow the published code, so that its weights load without renaming.
"""
