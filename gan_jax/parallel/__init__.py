"""Devices and processes: the only folder that names them."""
