"""One module per command of `lasaft-stems`; each has `run(arguments) -> exit code`."""
