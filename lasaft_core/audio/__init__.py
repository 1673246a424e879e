"""Audio in and out: local files to float32 blocks of [samples, channels] and back. No torch."""
