"""The engines that run queries: DuckDB within the process, or Spark beside it."""
