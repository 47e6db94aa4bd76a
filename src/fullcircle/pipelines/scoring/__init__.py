"""The scoring pipeline."""

from fullcircle.pipelines.scoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
