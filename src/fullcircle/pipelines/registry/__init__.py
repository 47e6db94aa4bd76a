"""The registry pipeline."""

from fullcircle.pipelines.registry.pipeline import create_pipeline

__all__ = ["create_pipeline"]
