"""c39: a row sees of a feature table what was known at its moment, and nothing written later."""

import ibis
import pandas as pd
from tests.cases.case_files import find_case

from fullcircle.core.contract import FeatureLookup, FeatureTable
from fullcircle.core.features.point_in_time import KeyedTable, join_features

DECLARED = FeatureTable(keys=["key"], event_time="described_at", known_time="known_at")
LOOKUP = FeatureLookup(table="sensor", keys=["key"], columns=["value"])


def read(name: str, *moments: str) -> pd.DataFrame:
    frame = pd.read_csv(find_case("c39") / name)
    for each in moments:
        frame[each] = pd.to_datetime(frame[each], utc=True)
    return frame


def test_late_and_corrected_features_are_seen_from_when_they_were_known() -> None:
    """Of the rows known by then the newest counts, of its versions the last; else there is none."""
    rows = ibis.memtable(read("spine.csv", "moment"))
    features = ibis.memtable(read("features.csv", "described_at", "known_at"))
    tables = {"sensor": KeyedTable(features, DECLARED, "v0")}
    joined = join_features(rows, tables, [LOOKUP], "moment").order_by("row").to_pandas()
    wanted = read("expected.csv", "moment")
    assert len(joined) == len(wanted) == 400
    assert joined["row"].tolist() == wanted["row"].tolist()
    pd.testing.assert_series_equal(joined["value"], wanted["value"])
    assert wanted["value"].isna().any()
