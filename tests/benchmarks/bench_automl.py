"""``fullcircle.automl`` beside FLAML: same rows, same budget, same held-out rows.

FLAML pins old libraries, so it lives in an environment of its own:

    python -m venv flaml && flaml/bin/pip install "flaml[automl]" pyarrow

Run: python tests/benchmarks/bench_automl.py --flaml flaml/bin/python --data RAW_DIR
     [--problems telco diabetes bikes] [--seconds 60] [--seeds 5] [--trials N]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

REFERENCE = """
import json, sys
import pandas as pd
from flaml import AutoML

train, test, target, task, metric, seconds, seed = sys.argv[1:]
train, test = pd.read_parquet(train), pd.read_parquet(test)
model = AutoML()
model.fit(
    X_train=train.drop(columns=target), y_train=train[target], task=task, metric=metric,
    time_budget=float(seconds), seed=int(seed), n_jobs=2, verbose=0,
)
rows = test.drop(columns=target)
found = model.predict_proba(rows)[:, 1] if task == "classification" else model.predict(rows)
print(json.dumps({"predicted": found.tolist(), "best": model.best_estimator}))
"""


def load(name: str, folder: Path) -> tuple[pd.DataFrame, str, str]:
    """Read one problem's rows as published; give them with target and task."""
    if name == "telco":
        rows = pd.read_csv(folder / "Telco-Customer-Churn.csv").drop(columns="customerID")
        rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
        return rows.assign(Churn=(rows["Churn"] == "Yes").astype(int)), "Churn", "classification"
    if name == "diabetes":
        return pd.read_csv(folder / "diabetes.csv"), "Outcome", "classification"
    rows = pd.read_csv(folder / "bike_sharing_hour.csv")
    return rows.drop(columns=["instant", "dteday", "casual", "registered"]), "cnt", "regression"


def score(task: str, truth: Any, predicted: Any) -> float:
    """AUC (greater is better) or RMSE (less is)."""
    from sklearn.metrics import roc_auc_score

    if task == "classification":
        return float(roc_auc_score(truth, predicted))
    return float(np.sqrt(np.mean((np.asarray(truth) - np.asarray(predicted)) ** 2)))


def ours(train: pd.DataFrame, test: pd.DataFrame, target: str, task: str, budget: Any) -> Any:
    """Search with fullcircle and predict the held-out rows."""
    from fullcircle import automl

    if task == "classification":
        result = automl.classify(train, target, track=False, folder=None, **budget)
        return result.predict_proba(test)[:, 1], result
    result = automl.regress(train, target, track=False, folder=None, **budget)
    return result.predict(test), result


def theirs(
    python: str, train: pd.DataFrame, test: pd.DataFrame, target: str, task: str, budget: Any
) -> Any:
    """Search with FLAML in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/train.parquet", f"{folder}/test.parquet"]
        train.to_parquet(paths[0])
        test.to_parquet(paths[1])
        metric = "roc_auc" if task == "classification" else "rmse"
        arguments = [*paths, target, task, metric, str(budget["seconds"]), str(budget["seed"])]
        done = subprocess.run(
            [python, "-W", "ignore", "-c", REFERENCE, *arguments],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])["predicted"]


def compare(name: str, given: argparse.Namespace) -> None:
    """Print one line per seed and one for their mean."""
    from sklearn.model_selection import train_test_split

    rows, target, task = load(name, given.data)
    sign = 1 if task == "classification" else -1
    gains = []
    for seed in range(42, 42 + given.seeds):
        classes = rows[target] if task == "classification" else None
        train, test = train_test_split(rows, test_size=0.2, random_state=seed, stratify=classes)
        budget = {"seconds": given.seconds, "seed": seed}
        started = time.perf_counter()
        predicted, result = ours(train, test, target, task, budget)
        seconds = time.perf_counter() - started
        mine = score(task, test[target], predicted)
        line = f"{name} seed {seed}: ours {mine:.4f} in {seconds:.0f} s"
        line += f", {len(result.search['trials'])} trials, {result.model.candidate}"
        line += f", {result.search['seconds']['outside_fitting']:.0%} outside fitting"
        if given.flaml:
            reference = theirs(given.flaml, train, test, target, task, budget)
            other = score(task, test[target], reference)
            gains.append(sign * (mine - other))
            line += f"; FLAML {other:.4f}"
        print(line, flush=True)
    if gains:
        error = np.std(gains, ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        print(f"{name}: better than FLAML by {np.mean(gains):+.4f} ± {error:.4f} (standard error)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the publishers' files")
    parser.add_argument("--flaml", help="python of FLAML's environment; none leaves it out")
    parser.add_argument("--problems", nargs="+", default=["telco", "diabetes", "bikes"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    for problem in chosen.problems:
        compare(problem, chosen)
    sys.exit(0)
