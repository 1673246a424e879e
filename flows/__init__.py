"""The catalog run, its command line and its Prefect flow: no audio passes here."""
