"""The six rooms of the circle; they meet only in the catalog."""
