"""The log of the registry: a chain of digests, and what it says of each version."""
