"""Songs with true stems, built from scores, sampled instruments and recorded voices.

score      what is played: composed (composing) or read (midi_files), and a melody (melodies)
sound      who plays it: SoundFonts, SFZ instruments, synthesis (players), voices (singing)
mix        effects and levels of each stem and of the bus (effects, mixing)
song       all of it, from one seed (songs), by the hour (builder)
"""
