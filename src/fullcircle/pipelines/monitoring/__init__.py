"""The monitoring pipeline."""

from fullcircle.pipelines.monitoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
