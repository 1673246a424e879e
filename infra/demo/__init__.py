"""The main job on one machine: a bucket of real songs becomes stems and a table.

`python -m infra.demo` (through `make demo`) starts an S3 server and a Prefect server on
loopback, fills a bucket, runs the flow twice on a local Ray, shows what came of it and leaves
no process behind.
"""
