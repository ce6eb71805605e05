"""Sweeps: many configs and seeds as one plan, run to the end, and read as one table."""
