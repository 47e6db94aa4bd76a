"""The endpoint: the registry's models behind HTTP.

A supervisor, which knows Kedro and MLflow, fetches models and collects the log. Workers, which know
neither, share one port and answer. They meet in the endpoint's folder alone.
"""
