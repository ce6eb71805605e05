"""Uses of a trained run: samples, reconstructions, walks and measurements."""
