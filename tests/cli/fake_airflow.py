"""The few names of Airflow 3 that a DAG file uses, which note what is made of them."""

import sys
from types import ModuleType
from typing import Any, ClassVar, Self

import pytest


class FakeDag:
    """Notes its settings, and the operators made while it is open."""

    made: ClassVar[list["FakeDag"]] = []
    open: ClassVar[list["FakeDag"]] = []

    def __init__(self, **settings: Any) -> None:
        self.settings, self.tasks = settings, {}
        self.made.append(self)

    def __enter__(self) -> Self:
        self.open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.open.pop()


class FakeOperator:
    """Notes its settings, and what comes after it."""

    def __init__(self, **settings: Any) -> None:
        self.settings, self.after = settings, []
        FakeDag.open[-1].tasks[settings["task_id"]] = self

    def __rshift__(self, other: "FakeOperator") -> "FakeOperator":
        self.after.append(other.settings["task_id"])
        return other


def dag(**settings: Any) -> Any:
    """Open a DAG for as long as the decorated function runs."""

    def decorate(function: Any) -> Any:
        def make() -> None:
            with FakeDag(**settings):
                function()

        return make

    return decorate


def task(**settings: Any) -> Any:
    """Make the decorated function an operator when it is called."""
    return lambda function: lambda: FakeOperator(python_callable=function, **settings)


def run_dag_file(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeDag]:
    """Run a DAG file against these names, and give its DAGs by name."""
    names: dict[str, dict[str, Any]] = {
        "airflow": {},
        "airflow.sdk": {"DAG": FakeDag, "dag": dag, "task": task},
        "airflow.providers": {},
        "airflow.providers.standard": {},
        "airflow.providers.standard.operators": {},
        "airflow.providers.standard.operators.bash": {"BashOperator": FakeOperator},
    }
    for name, contents in names.items():
        module = ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(FakeDag, "made", [])
    exec(compile(text, "dags.py", "exec"), {"__name__": "dags"})  # noqa: S102 - our own file
    return {made.settings["dag_id"]: made for made in FakeDag.made}
