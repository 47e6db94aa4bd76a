"""The audit by attack and by fault: which tests hold each of its findings.

Run them alone with ``.ci/audit``; ``.ci/check`` runs them among all others.
"""

from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent
_REGISTRY = "tracking/registry"

# What was found, and the files, or single tests, that fail where it comes back.
FINDINGS: dict[str, tuple[str, ...]] = {
    "01 no tokens at a network's socket": ("serving/test_access.py", "serving/test_guard.py"),
    "02 small bodies that hold a worker": ("serving/test_bodies.py", "serving/test_hostile.py"),
    "03 headers and connections without bounds": (
        "serving/test_connections.py",
        "serving/test_handshakes.py",
    ),
    "04 broken files end the watch": (
        "serving/test_access.py::test_whatever_a_file_holds_the_watch_goes_on",
        "serving/test_access.py::test_broken_tokens_let_nobody_in",
        "serving/test_access.py::test_tokens_made_at_once_are_all_kept",
    ),
    "05 strangers fill the log": (
        "serving/test_access.py::test_strangers_fill_no_log",
        "serving/test_access.py::test_guesses_count_on_their_address",
        "serving/test_faults.py::test_old_days_of_the_log_are_forgotten",
    ),
    "06 ready is not ready": (
        "serving/test_answers.py::test_ready_means_that_keys_are_answered",
        "serving/test_server.py::test_nothing_is_wrong_or_lost_under_load",
    ),
    "07 secrets in files": (
        "serving/test_access.py::test_what_the_endpoint_writes_is_its_owners_alone",
        "serving/test_access.py::test_the_description_holds_no_private_value",
    ),
    "08 web pages, hosts, upgrades, the unit": (
        "serving/test_access.py::test_what_a_web_page_could_send_is_refused",
        "serving/test_access.py::test_what_a_form_can_send_is_refused",
        "serving/test_access.py::test_a_websocket_is_closed",
        "cli/test_endpoint_units.py",
    ),
    "09 estimators that read files": (
        f"{_REGISTRY}/test_storage.py::test_an_estimator_that_could_read_files_is_refused",
        f"{_REGISTRY}/test_adoption.py::test_an_adopted_estimator_that_reads_files_is_refused",
    ),
    "10 MLflow's own loaders": (
        f"{_REGISTRY}/test_storage.py::test_an_export_is_checked_and_overwrites_nothing",
    ),
    "11 forgery that is called whole": (
        f"{_REGISTRY}/test_forgery.py",
        f"{_REGISTRY}/test_storage.py::test_a_rewritten_digest_is_found_at_load",
    ),
    "12 who acted is free text": (
        f"{_REGISTRY}/test_forgery.py::test_names_are_claims_unless_the_server_vouches",
        "core/test_gate.py::test_who_trained_cannot_approve_where_four_eyes_are_asked_for",
    ),
    "13 names that escape the digests": (
        f"{_REGISTRY}/test_storage.py::test_no_name_escapes_the_digests",
        f"{_REGISTRY}/test_storage.py::test_what_mlflow_and_python_leave_behind_is_not_taken_along",
    ),
    "14 data becomes configuration": (
        "cli/test_problem_quoting.py",
        "configuration/test_other_problems.py",
    ),
    "15 files that fill memory": ("ingestion/test_bombs.py", "ingestion/test_packing.py"),
    "16 names that may mean another thing tomorrow": (
        "test_delivery.py::test_no_image_is_named_by_its_tag_alone",
        "test_delivery.py::test_no_action_is_named_by_its_tag_alone",
        "test_delivery.py::test_tools_come_from_locks",
        "test_container.py",
        "test_dependencies.py::test_the_hashed_lock_is_the_lock",
    ),
    "17 two clocks": ("pipelines/test_clocks.py", "pipelines/test_ways_to_run.py"),
    "18 a full disk at the endpoint": ("serving/test_faults.py", "serving/test_journal.py"),
    "19 acts that died": (f"{_REGISTRY}/test_dead_acts.py",),
    "20 workers without a champion": (
        "serving/test_server.py::test_nothing_is_wrong_or_lost_under_load",
        "serving/test_server.py::test_it_starts_without_a_model_and_takes_the_one_that_comes",
    ),
    "21 nothing cleans up": ("maintenance/test_maintenance.py",),
    "22 the champion judged against itself": (
        "cli/test_model_acts.py::test_the_gate_run_again_leaves_the_champion_s_decision_and_card",
    ),
    "23 a file that cannot be opened once": ("streaming/test_arrivals.py",),
    "24 two retrainings": ("cli/test_retrain.py",),
    "25 other ways to run": ("pipelines/test_parts.py", "pipelines/test_ways_to_run.py"),
    "26 killed runs, locked and full databases, SIGTERM, encodings": (
        "tracking/test_killed_runs.py",
        "tracking/test_database.py",
        "storage/test_disk.py",
        "test_error_messages.py",
        "serving/test_server.py::test_nobody_is_kept_waiting_at_the_end",
        "test_conventions.py::test_every_text_names_its_encoding",
        "core/test_sources.py::test_windows_that_have_not_changed_are_not_judged_again",
    ),
}


@cache
def list_places() -> frozenset[str]:
    """Return the files and tests of all findings, below the folder of tests."""
    return frozenset(place for places in FINDINGS.values() for place in places)


def belongs(path: Path, function: str) -> bool:
    """Tell whether a test holds a finding."""
    file = path.relative_to(_ROOT).as_posix() if path.is_relative_to(_ROOT) else ""
    return bool({file, f"{file}::{function}"} & list_places())


def find_absent() -> list[str]:
    """Return what is named here and is no test."""
    return [place for place in sorted(list_places()) if not _exists(place)]


def _exists(place: str) -> bool:
    file, _, function = place.partition("::")
    path = _ROOT / file
    return path.is_file() and (not function or f"def {function}(" in path.read_text("utf-8"))
