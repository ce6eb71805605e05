"""Devices and processes: how a step runs on several of them."""
