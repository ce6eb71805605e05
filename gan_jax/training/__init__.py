"""The training loop, its records, the checks before the first step, stopping, and divergence."""
