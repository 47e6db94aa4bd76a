"""A model and all that is known of it, made here or adopted."""
