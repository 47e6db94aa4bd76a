"""The training pipeline."""

from fullcircle.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
