"""The command line: its flags, the config that they choose, its modes, and how a failure is shown."""
