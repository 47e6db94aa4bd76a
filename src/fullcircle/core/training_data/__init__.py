"""Which rows train, select and gate: labelled rows, samples and splits."""
