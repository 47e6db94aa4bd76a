"""Keeping what a project stores from growing for ever: tables, runs, logs, files left over."""
