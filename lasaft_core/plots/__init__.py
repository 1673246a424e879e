"""Pictures of what a network has learned and of what it makes of a song.

Numbers first (`blocks`, `patterns`, `attention`, `decibels`, `excerpts`: arrays, no drawing), then
figures of them (`weight_figure`, `attention_figure`, `spectrogram_figure`), then files
(`pictures`). Only the figures import matplotlib, an optional package.
"""
