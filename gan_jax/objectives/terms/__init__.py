"""Loss terms by player: a file for each, whose functions a config names in `config.objective.PLAYER`."""
