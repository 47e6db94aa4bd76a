"""Training that chooses: families, folds, search, and who of the finalists wins."""
