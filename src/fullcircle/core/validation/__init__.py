"""Checks of rows, keys and feature lookups before they are used."""
