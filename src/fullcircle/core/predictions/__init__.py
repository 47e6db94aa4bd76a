"""Predictions of batch, stream and endpoint, read alike."""
