"""The six pipelines; they meet only in the catalog."""
