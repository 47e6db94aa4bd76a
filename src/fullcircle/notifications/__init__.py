"""Delivery of alerts by the channels that a project declares."""
