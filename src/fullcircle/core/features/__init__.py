"""Features as of a time: the point-in-time join."""
