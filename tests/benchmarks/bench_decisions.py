"""Accuracy, precision, recall and F1 of four usual models on IBM's customers, on held-out rows.

A table of these four metrics circulates for this file; what is known of it stands beside ours.
Each model is fitted on 60 % of the rows. Of the rest, half chooses the threshold by F1, and half
has a say in nothing and scores: at that threshold, and at 0.5. Each seed divides the rows anew.

Run: python tests/benchmarks/bench_decisions.py --data RAW_DIR [--seeds 3] [--trials 8]
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from fullcircle.automl.options import Options
from fullcircle.automl.rows import LABEL, as_events, declare_problem
from fullcircle.core.evaluation import choose_threshold
from fullcircle.core.metrics import METRICS
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.trial_store import NoTrialStore
from fullcircle.pipelines.training import nodes

FILE = "Telco-Customer-Churn.csv"
SHOWN = ("accuracy", "precision", "recall", "f1")
UNTUNED = ("logistic_regression", "random_forest", "xgboost")
TUNED = "random_forest_tuned"
# What the circulating table says, as far as it is known.
TOLD = {TUNED: {"accuracy": 0.857, "f1": 0.777}}


def read_customers(folder: Path) -> pd.DataFrame:
    """Read the file as published; its label becomes 0 or 1."""
    rows = pd.read_csv(folder / FILE).drop(columns="customerID")
    rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
    return rows.assign(Churn=(rows["Churn"] == "Yes").astype(int))


def fit_all(train: pd.DataFrame, options: Options, features: list[str]) -> Any:
    """Fit the families as they come, and the forest that a search by F1 finds best."""
    problem, training = declare_problem("binary", features, options), options.settle()
    plan = nodes.diagnose_train_set(train, problem, training)
    training_context = TrainingContext(train, problem, training, plan)
    report = nodes.search_candidates(train, plan, NoTrialStore(), problem, training)
    best = ModelConfig.from_dict(
        max(report["finalists"], key=lambda one: np.mean(one["fold_scores"]))
    )
    model_configs = {**{name: ModelConfig(name, name) for name in UNTUNED}, TUNED: best}
    return problem, {
        name: training_context.fit(model_config) for name, model_config in model_configs.items()
    }


def score_seed(rows: pd.DataFrame, seed: int, trials: int) -> list[dict[str, Any]]:
    """Score every model on the rows that a seed holds out, at both thresholds."""
    options = Options(
        seconds=None, trials=trials, metric="f1", candidates=["random_forest"], seed=seed, blend=0
    )
    events = as_events(rows.drop(columns="Churn"), rows["Churn"], options)
    train, rest = train_test_split(events, test_size=0.4, random_state=seed, stratify=events[LABEL])
    choosing, held = train_test_split(rest, test_size=0.5, random_state=seed, stratify=rest[LABEL])
    features = [name for name in rows.columns if name != "Churn"]
    problem, fitted = fit_all(train.reset_index(drop=True), options, features)
    found = []
    for name, model in fitted.items():
        chances = [
            (part[LABEL].to_numpy(), predict(model, "binary", as_inputs(part, features)))
            for part in (choosing, held)
        ]
        chosen = choose_threshold(problem.threshold, *chances[0])
        for how, threshold in (("0.5", 0.5), ("best F1", chosen)):
            scores = {each: METRICS[each](*chances[1], threshold) for each in SHOWN}
            found.append({"model": name, "threshold": how, **scores})
    return found


def main() -> None:
    """Print the table as Markdown: means over the seeds, and how far the seeds lie apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the publisher's file")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=8, help="of the forest's search")
    given = parser.parse_args()
    rows = read_customers(given.data)
    found = pd.DataFrame(
        [row for seed in range(given.seeds) for row in score_seed(rows, seed, given.trials)]
    )
    print("| model | threshold |", " | ".join(SHOWN), "|")
    print("|---|---|" + "---|" * len(SHOWN))
    for (name, how), group in found.groupby(["model", "threshold"], sort=False):
        cells = [f"{group[each].mean():.3f} ± {group[each].std():.3f}" for each in SHOWN]
        print(f"| {name} | {how} | {' | '.join(cells)} |")
    for name, told in TOLD.items():
        cells = [f"{told[each]:.3f}" if each in told else "not known" for each in SHOWN]
        print(f"| {name}, as the table that circulates has it | not known | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
