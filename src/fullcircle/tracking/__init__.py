"""MLflow: runs, registry, lineage and audit log."""
