"""The online store's whole interface in one place, for commands, the endpoint and notebooks."""

from fullcircle.storage.online.addresses import open_store
from fullcircle.storage.online.agreement import Agreement, FeatureDifference, compare_online_offline
from fullcircle.storage.online.lookup import LookupCounts, look_up, lookup_online
from fullcircle.storage.online.publish import publish_table
from fullcircle.storage.online.reading import OnlineRow, read_features
from fullcircle.storage.online.store import (
    Freshness,
    OnlineStore,
    PublishCounts,
    TableState,
    describe_freshness,
    drop_table,
    published_version,
    purge_table,
    table_state,
)

__all__ = [
    "Agreement",
    "FeatureDifference",
    "Freshness",
    "LookupCounts",
    "OnlineRow",
    "OnlineStore",
    "PublishCounts",
    "TableState",
    "compare_online_offline",
    "describe_freshness",
    "drop_table",
    "look_up",
    "lookup_online",
    "open_store",
    "publish_table",
    "published_version",
    "purge_table",
    "read_features",
    "table_state",
]
