"""How many rows train, select, gate and are scored."""

from fullcircle.core.contract import Split
from fullcircle.ingestion.inference.issues import Issue

TRAINING_ROWS = 100_000  # what two cores learn from in minutes; a first look needs no more
GATE_ROWS = 200  # gate.min_rows in conf/base/parameters_registry.yml
MAX_REJECTED_SHARE = 0.05  # intake.max_rejected_share in conf/base/parameters_data_processing.yml
_WITH_CHANCE = 1.15  # a digest deals rows by chance
_MOST_GATE, _FEW_GATE, _LEAST_GATE = 0.4, 0.3, 0.2
_MOST_SCORING, _LEAST_SCORING = 0.16, 0.1
_MONITOR_ROWS = 100


def choose_split(rows: int, *, history: bool) -> tuple[Split, list[Issue]]:
    """Choose shares that give the gate its rows, where the table has them.

    Args:
        rows: Rows with a known label.
        history: Whether rows are divided by time.

    Returns:
        The split, and an edit where the gate would have too few rows to decide.
    """
    gate = _clip(GATE_ROWS * _WITH_CHANCE / rows, _LEAST_GATE, _MOST_GATE)
    if gate * rows < GATE_ROWS:
        gate = _FEW_GATE  # no share gives the gate its rows: leave the model some
    scoring = 0.0
    if not history:
        scoring = _clip(_MONITOR_ROWS * _WITH_CHANCE / rows, _LEAST_SCORING, _MOST_SCORING)
    selection = round((1 - gate - scoring) * 0.25, 2)
    split = Split(
        by="time" if history else "key",
        train=round(1 - gate - scoring - selection, 2),
        selection=selection,
        gate=gate,
        scoring=scoring,
    )
    return split, [
        _describe_split(split),
        *_describe_gate(round(gate * rows)),
        *_describe_sample(rows),
    ]


def _describe_sample(rows: int) -> list[Issue]:
    if rows <= TRAINING_ROWS:
        return []
    told = f"{TRAINING_ROWS:,} of {rows:,} rows with a label, so that a first run takes minutes"
    return [Issue("assumed", "sample", told, "training_rows in parameters.yml")]


def _clip(share: float, low: float, high: float) -> float:
    return round(min(max(share, low), high), 2)


def _describe_split(split: Split) -> Issue:
    shares = f"{split.train:.0%} train, {split.selection:.0%} select, {split.gate:.0%} gate"
    if split.scoring:
        shares += f", {split.scoring:.0%} are scored only"
    return Issue("assumed", "split", f"by {split.by}: {shares}", "split in parameters.yml")


def _describe_gate(rows: int) -> list[Issue]:
    if rows >= GATE_ROWS:
        return []
    told = f"about {rows} rows judge a challenger; below {GATE_ROWS} the gate refuses all"
    few = max(rows * 8 // 10, 10)
    return [
        Issue(
            "edit",
            "gate",
            told,
            f"set gate_min_rows: {few} in parameters.yml, knowing that so few rows prove little",
        )
    ]
