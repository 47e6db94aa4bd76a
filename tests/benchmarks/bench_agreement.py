"""Batch, frame, stream and endpoint on 1,000 raw rows of each case, and what the reading costs.

Run beside the case files, from the project:
    python tests/benchmarks/bench_agreement.py
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.cases.agreement import Learnt, find_disagreements, learn_case

from fullcircle.serving.bodies import JSON

ROWS, REQUESTS = 1000, 500
CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("c01", "shipments.csv", "late", {}),
    ("c02", "turnover.csv", "turnover", {}),
    ("c05", "stationen.csv", "index", {}),
    ("c06", "pumps.csv", "fault", {}),
    ("c13", "ratios.csv", "output", {}),
    ("c15", "parcels.csv", "late", {}),
    ("c21", "pumps_mixed.csv", "fault", {"time": "measured"}),
    ("c29", "readings.csv", "fault", {"time": "Reading Time"}),
    ("c29", "month_names.csv", "fault", {"time": "Reading Time"}),
    ("c30", "first_mondays.csv", "fault", {"time": "reviewed"}),
    ("c41", "train.csv", "fault", {}),
    ("c45", "pumps_14_months.csv", "fault", {"time": "at"}),
]


def time_request(learnt: Learnt, content: bytes) -> float:
    """Return the median milliseconds of a request of one row: its body read, and it predicted."""
    ask = learnt.prepare()
    taken = []
    for _ in range(REQUESTS):
        began = perf_counter()
        ask(content, JSON)
        taken.append(perf_counter() - began)
    return 1000 * sorted(taken)[REQUESTS // 2]


def main() -> None:
    """Print a line for each case."""
    for case, file, target, options in CASES:
        learnt = learn_case(case, file, target, **options)
        found = find_disagreements(learnt, ROWS)
        print(case, file, min(ROWS, len(learnt.raw)), "rows:", found or "all agree", flush=True)
        if case == "c41":
            by_types = replace(learnt, model=replace(learnt.model, raw_schema=None))
            typed = learnt._with_numbers(learnt.records([0])[0])
            content = json.dumps({"dataframe_records": [typed]}).encode()
            print(f"  a request of one row: {time_request(learnt, content):.3f} ms by its schema,")
            print(f"  {time_request(by_types, content):.3f} ms by types alone")


if __name__ == "__main__":
    main()
