"""Names of catalog entries in earlier versions, and what they are called now."""

DATASETS = {
    "alerts_before": "previous_alerts",
    "companions": "shadow_models",
    "scored_before": "previous_scored_days",
    "watched_before": "previous_watched_window",
}

DATASET_TYPES = {"CompanionsDataset": "ShadowModelsDataset"}
