"""The feature_store pipeline."""

from fullcircle.pipelines.feature_store.pipeline import create_pipeline

__all__ = ["create_pipeline"]
