"""The command line: its flags, the resulting config, its modes, and its error messages."""
