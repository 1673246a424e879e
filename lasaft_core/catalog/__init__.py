"""What is known about every source object: listing, identity, plan, table, publication.

Nothing here imports torch, Ray or Prefect: a catalog can be planned and queried on a machine
that could never separate a song.
"""
