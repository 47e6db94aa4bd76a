"""The project's own commands, one group a module."""
