"""What a trained run is asked for: samples, reconstructions, walks and measurements."""
