"""Songs to train on, built from scores, sampled instruments and recorded voices.

score      what is played: composed (composing) or read (midi_files), and a melody (melodies)
sound      who plays it: SoundFonts, SFZ instruments, synthesis (players), voices (singing)
mix        effects and levels of each stem and of the bus (effects, mixing)
song       all of it, from one seed (songs), by the hour (builder), into folders (folders)
recorded   songs in stems (multitracks), voices out of songs (teaching), bands out of
           instrumentals (estimating)
sources    their terms (sources), how to get them (gathering), speech to be sung (speaking)
"""
