"""Sweeps: many configs and seeds as one plan, run to completion and reported in one table."""
