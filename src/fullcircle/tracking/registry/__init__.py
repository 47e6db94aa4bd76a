"""The registry of models over MLflow: files with digests, roles as aliases, and a log of each act.

Layers: ``acts`` and ``facts`` use ``storage`` and ``journal``; nothing here knows Kedro.
"""
