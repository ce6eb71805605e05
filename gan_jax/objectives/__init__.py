"""Objectives: for each player, the loss that it minimises."""
