"""MLflow in a real browser: the champion's page, the run behind it, runs that compare at once."""

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def address(circle: Any, hands: ModuleType) -> Iterator[str]:
    """Serve the turned circle's runs and models."""
    with hands.serve_models(circle.path) as served:
        yield served


@pytest.fixture(scope="module")
def champion(address: str, browser: Any, hands: ModuleType) -> Any:
    """Open the page of the champion's version."""
    page = hands.open_page(browser, address)
    hands.open_champion(page, address, hands.MODEL)
    return page


def test_the_champions_page_says_what_it_is(champion: Any) -> None:
    """The version's page tells family, rows, score with interval, verdict and where the card is."""
    champion.get_by_text("kedro model card").wait_for(timeout=60_000)
    told = champion.inner_text("body")
    assert re.search(r"for telco_churn \(binary\), trained on [\d,]+ rows", told)
    assert re.search(r"roc_auc 0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]", told)
    assert re.search(r"decision\s+promote", told)


def test_the_champions_run_is_one_click_away(champion: Any) -> None:
    """From the version's page a click opens the run that made it, named after what it did."""
    champion.get_by_role("link", name=re.compile(r"telco_churn all 2025-0\d-01")).first.click()
    champion.wait_for_url(re.compile("/runs/"), timeout=60_000)
    champion.get_by_text("promotion_decision.score.value").first.wait_for(timeout=60_000)


def test_runs_are_named_for_comparison(
    circle: Any, address: str, browser: Any, hands: ModuleType
) -> None:
    """The list of runs names each by problem, pipelines and date, so that a glance compares."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{circle.path}/mlflow.db")
    experiment = client.get_experiment_by_name("telco_churn")
    page = hands.open_page(browser, f"{address}/#/experiments/{experiment.experiment_id}/runs")
    for as_of in ("2025-02-01", "2025-03-01", "2025-04-01"):
        page.get_by_text(f"telco_churn all {as_of}").first.wait_for(timeout=60_000)
