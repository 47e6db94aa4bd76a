"""Tables, files and locks: Delta, Parquet, the online store."""
