"""Scoring: from requests to stamped predictions, in batches, whatever the engine."""
