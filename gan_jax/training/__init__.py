"""The training loop, and what stands around it: records, checks before the first step, stopping, divergence."""
