"""Training: generated songs, excerpts, losses and the loop. Not needed for separation."""
