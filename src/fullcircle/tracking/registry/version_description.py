"""What a version says of itself: a few sentences for its page, and tags for a search."""

from typing import Any

from fullcircle.core.models.model import Model

_FROM_RUN = (
    "problem",
    "data_source",
    "environment",
    "git_commit",
    "git_dirty",
    "git_patch",
    "python",
    "note",
)


def describe_version(model: Model) -> str:
    """Say in Markdown what a new version is, which its page in MLflow shows first."""
    problem, trained = model.settings.get("problem", {}), model.trained_on
    span = f" of {trained['first'][:10]} to {trained['last'][:10]}" if "first" in trained else ""
    primary = problem.get("primary_metric")
    scores = ", ".join(
        f"{name} {_as_text(score) if name == primary else _as_value(score)}"
        for name, score in model.scores.items()
    )
    return "\n\n".join(
        [
            f"**{model.candidate}** for {problem.get('name') or 'a'} ({model.task}), trained on "
            f"{trained.get('rows', 0):,} rows{span}, as of {trained.get('as_of', 'unknown')}.",
            f"On the selection rows: {scores}. Whether it may be champion is for the gate to say, "
            "on rows of its own: see the tag `decision`.",
            "The whole card: `kedro model card`, with this version's number.",
        ]
    )


def collect_metadata(model: Model, run_id: str | None) -> dict[str, str]:
    """Give the tags of a new version, from the model and from the run that made it."""
    from importlib.metadata import version

    facts: dict[str, Any] = {
        "framework": f"scikit-learn {version('scikit-learn')}",
        "candidate": model.candidate,
        "task": model.task,
        **{f"trained.{n}": value for n, value in model.trained_on.items() if _is_plain(value)},
        **{f"selection.{n}": _as_text(score) for n, score in model.scores.items()},
        **{n: model.settings.get("problem", {}).get(n) for n in ("owner", "use_case")},
        **(_read_run(run_id) if run_id else {}),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}


def _read_run(run_id: str) -> dict[str, str]:
    from mlflow import MlflowClient

    tags = MlflowClient().get_run(run_id).data.tags
    data = {name: value for name, value in tags.items() if name.startswith("data.")}
    return {**{name: tags[name] for name in _FROM_RUN if name in tags}, **data}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _as_value(score: Any) -> str:
    return f"{score['value'] if isinstance(score, dict) else score:.4f}"


def _as_text(score: Any) -> str:
    if isinstance(score, dict):
        return f"{score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]"
    return f"{score:.4f}"
