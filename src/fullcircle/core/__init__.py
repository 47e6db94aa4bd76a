"""Pure ideas: no Kedro, no MLflow, no web framework, no clock, no environment."""
