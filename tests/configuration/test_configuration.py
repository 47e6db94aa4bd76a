"""What the configuration holds is taken, or refused in one line with file, line and name."""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from kedro.framework.session import KedroSession
from omegaconf import OmegaConf

from fullcircle.configuration.loader import CheckedConfigLoader
from fullcircle.configuration.models import list_names
from fullcircle.configuration.parameters import check_parameters, find_types
from fullcircle.core.errors import ConfigurationError
from fullcircle.settings import CONFIG_LOADER_ARGS


@pytest.fixture
def project(new_project: Callable[..., Any]) -> Any:
    """Give a project as the template ships it."""
    return new_project(simulation=None)


@pytest.fixture(scope="module")
def resolved(make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a loader and the parameters that it reads."""
    path = tmp_path_factory.mktemp("resolved")
    loader = open_loader(make(path / "project", simulation=None))
    return loader, loader["parameters"]


def open_loader(project: Any, env: str = "local", **given: Any) -> CheckedConfigLoader:
    return CheckedConfigLoader(
        str(project.path / "conf"),
        env,
        given,
        **CONFIG_LOADER_ARGS,  # as Kedro makes it
    )


def refuse(project: Any, kind: str, env: str = "local", **given: Any) -> str:
    """Return the one line in which a kind of configuration is refused."""
    with pytest.raises(ConfigurationError) as caught:
        open_loader(project, env, **given)[kind]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(project: Any, name: str, text: str) -> None:
    path = project.path / "conf" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def add(project: Any, name: str, text: str) -> int:
    """Append lines to a file, and return the number of the first one."""
    path = project.path / "conf" / name
    before = path.read_text("utf-8")
    path.write_text(before + text, "utf-8")
    return before.count("\n") + 1


def test_what_ships_is_taken(project: Any) -> None:
    """Nothing in the shipped files is refused, in any environment."""
    for env in ("local", "base", "staging", "production"):
        loader = open_loader(project, env)
        for kind in ("parameters", "catalog", "globals", "mlflow", "spark"):
            assert loader[kind]


def list_parameters() -> Iterator[tuple[str, ...]]:
    kinds, taken = find_types()
    yield from ((name,) for name in sorted(taken))
    yield from (path for key, kind in kinds.items() for path in list_names(kind, (key,)))


def test_each_misspelt_parameter_is_refused_with_the_nearest(resolved: Any) -> None:
    """Whichever parameter is misspelt, at any depth, the right name is offered."""
    loader, read = resolved
    names = [name for name in list_parameters() if name[0] != "problem" and len(name[-1]) > 3]
    assert len(names) > 100
    for name in names:
        wrong = name[-1][:-2] + name[-1][-1] + name[-1][-2] + "x"
        changed: Any = deepcopy(read)
        below = changed
        for part in name[:-1]:
            if not isinstance(below.get(part), dict):
                below[part] = {}
            below = below[part]
        below[wrong] = 1
        with pytest.raises(ConfigurationError, match=rf"there is no '{wrong}' \(nearest: '\w+'\)"):
            check_parameters(changed, loader)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"as_off": "2024-06-01"}, "there is no 'as_off' (nearest: 'as_of')"),
        ({"min_psi": 1}, "there is no 'min_psi' at the top; there is drift.min_psi"),
        ({"drift": {"min_pssi": 1}}, "drift.min_pssi: there is no 'min_pssi' (nearest: 'min_psi')"),
        ({"serving": {"prot": 80}}, "serving.prot: there is no 'prot' (nearest: 'port')"),
        ({"stream": {"batch_mbs": 1}}, "(nearest: 'batch_mb')"),
        ({"problem": {"labl": "x"}}, "problem.labl: there is no 'labl' (nearest: 'label')"),
        ({"problem": "diabetes"}, "choose a problem by the variable PROBLEM"),
        ({"engine": "spark"}, "set the variable ENGINE"),
        ({"telco_churn": {"as_off": 1}}, "(nearest: 'as_of')"),
        ({"telco_churn": {"real": {"labl": 1}}}, "telco_churn.real.labl: there is no 'labl'"),
        ({"nyc_taxi": {"as_of": "2024-01-01"}}, "this run is of telco_churn"),
        ({"training": 3}, "training: it has keys of its own (seed, candidates"),
        ({"gate": {"min_rows": "many"}}, "gate.min_rows: Input should be a valid integer"),
        ({"as_of": None}, "as_of: no moment is given: write 2025-03-01"),
        ({"as_of": "01.06.2024"}, "as_of: '01.06.2024' is no moment: write 2025-03-01"),
    ],
)
def test_what_a_run_is_given_is_refused_by_name(resolved: Any, given: Any, wanted: str) -> None:
    """A parameter of a run that nothing takes, or that is not valid, is named."""
    loader, read = resolved
    loader.runtime_params = given
    with pytest.raises(ConfigurationError) as caught:
        check_parameters(OmegaConf.to_container(OmegaConf.merge(read, given)), loader)
    assert wanted in str(caught.value)
    assert "conf/" not in str(caught.value)  # no file holds it


@pytest.mark.parametrize(
    ("pipelines", "given"),
    [(["scoring"], {"drift": {"min_pssi": 1}}), (["data_processing"], {"as_off": "2024-06-01"})],
)
def test_a_session_refuses_before_any_node_runs(
    project: Any, pipelines: list[str], given: dict[str, Any]
) -> None:
    """From Python, parameters of pipelines that do not run are looked at as well."""
    with (
        KedroSession.create(project.path, runtime_params=given) as session,
        pytest.raises(ConfigurationError, match="nearest"),
    ):
        session.run(pipeline_names=pipelines)
    assert not (project.path / "data").exists()


@pytest.mark.parametrize(
    ("kind", "file", "text", "wanted"),
    [
        ("parameters", "base/parameters.yml", "\ndrfit: {power: 1}\n", "(nearest: 'drift')"),
        ("parameters", "local/parameters.yml", "\ndrift: {pwoer: 1}\n", "(nearest: 'power')"),
        ("parameters", "local/parameters.yml", "\nstream: {nmae: a}\n", "(nearest: 'name')"),
        ("parameters", "base/problems/telco_churn/parameters.yml", "  as_off: 1\n", "'as_of'"),
        ("parameters", "local/parameters.yml", "\nscoring: {slab_rows: 1}\n",
         "'slab_rows' is called 'chunk_rows' now"),
        ("catalog", "base/catalog.yml", "\ncompanions: {type: pickle.PickleDataset}\n",
         "the dataset is called 'shadow_models' now"),
        ("catalog", "base/catalog.yml", "\nx: {type: fullcircle.datasets.CompanionsDataset}\n",
         "CompanionsDataset is called ShadowModelsDataset now"),
        ("globals", "base/globals.yml", "\ndatadir: x\n", "(nearest: 'data_dir')"),
        ("globals", "staging/globals.yml", "\nrun_wait: 3\n", "no file refers to 'run_wait'"),
        ("mlflow", "base/mlflow.yml", "    nmae: x\n", "(nearest: 'name')"),
        ("catalog", "base/catalog.yml", "\nx: {type: fullcircle.datasets.DeltaTabelDataset}\n",
         "(nearest: 'DeltaTableDataset')"),
        ("catalog", "base/catalog.yml",
         "\nx: {type: fullcircle.datasets.DeltaTableDataset, filepaht: a}\n",
         "takes no 'filepaht' (nearest: 'filepath')"),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_found_in_its_file(
    project: Any, kind: str, file: str, text: str, wanted: str
) -> None:
    """A key of a file that nothing reads is named with file, line and the nearest or new name."""
    line = add(project, file, text) + text.startswith("\n")
    said = refuse(project, kind, "staging" if file.startswith("staging") else "local")
    assert wanted in said
    assert f"(conf/{file}, line {line})" in said


def test_a_misspelt_key_of_the_contract_is_found_in_the_problems_file(project: Any) -> None:
    """A contract that YAML merges from a block of another source is found at its own line."""
    file = project.path / "conf/base/problems/telco_churn/parameters.yml"
    file.write_text(file.read_text("utf-8").replace("    label:", "    labl:"), "utf-8")
    said = refuse(project, "parameters")
    line = file.read_text("utf-8").splitlines().index("    labl: churned") + 1
    assert "problem.labl: there is no 'labl' (nearest: 'label')" in said
    assert f"conf/base/problems/telco_churn/parameters.yml, line {line})" in said


def test_a_dataset_that_a_pipeline_needs_is_not_lost_by_a_slip(project: Any) -> None:
    """An entry under a misspelt name would leave what a pipeline makes in memory; it is refused."""
    file = project.path / "conf/base/catalog.yml"
    file.write_text(file.read_text("utf-8").replace("\npredictions:", "\npredictons:"), "utf-8")
    said = refuse(project, "catalog")
    assert "predictons: no pipeline uses it, and 'predictions'" in said


def test_what_users_add_for_themselves_is_taken(project: Any) -> None:
    """Helpers, globals that a file refers to, datasets and secrets of one's own are no slips."""
    add(project, "base/parameters.yml", "\n_helper: 3\n")
    add(project, "base/globals.yml", "\nbucket: s3://x\nasked_by_code: 3\n")
    add(
        project,
        "base/catalog.yml",
        "\nmine: {type: pandas.CSVDataset, filepath: '${globals:bucket}/a'}\n",
    )
    write(project, "local/credentials.yml", "warehouse: {key: a, secret: b}\ntoken: abc\n")
    loader = open_loader(project)
    assert all(loader[kind] for kind in ("globals", "parameters", "catalog", "credentials"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tracking_sever: {MLFLOW_TRACKING_USERNAME: me}\n", "(nearest: 'tracking_server')"),
        (
            "tracking_server:\n  MLFLOW_TRACKING_USERNAM: me\n",
            "(nearest: 'MLFLOW_TRACKING_USERNAME')",
        ),
    ],
)
def test_a_misspelt_credential_is_named_and_no_value_is(
    project: Any, text: str, wanted: str
) -> None:
    """A credential that would silently not be used is named, without what it holds."""
    write(project, "local/credentials.yml", text)
    said = refuse(project, "credentials")
    assert wanted in said
    assert re.search(r"conf/local/credentials.yml, line [12]\)", said)
    assert "me" not in re.findall(r"\w+", said)


@pytest.mark.parametrize(
    ("content", "line", "wanted"),
    [
        (b"drift:\n\tpower: 0.9\n", 2, "near 'power': a tab stands where a line is indented"),
        (b"drift:\n  power: [0.9\n", 3, "near 'power'"),
        (b"drift:\n  power: 0.9\n  power: 0.8\n", 3, "near 'power': found duplicate key power"),
        (b"alerts: {}\ndrift: a: b\n", 2, "near 'drift': a second ':' in one line"),
        (b"drift:\n  # \xe4\n  power: 1\n", 2, "near 'drift': the byte 0xe4 is no UTF-8"),
        (b"drift:\n  power: *other\n", 2, "near 'power': found undefined alias"),
        (b"drift:\n  power: \x00\n", 2, "near 'power': the character #x0000 is not allowed"),
        (b"drift:\n  power: ${globals:powr}\n", 2, "'drift.power': Globals key 'powr' not found"),
        (b"drift:\n  power: ${nowhere:x}\n", 2, "'drift.power': Unsupported interpolation type"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_where(
    project: Any, content: bytes, line: int, wanted: str
) -> None:
    """A damaged file is one line that names file, line, key and reason."""
    file = project.path / "conf/local/parameters.yml"
    file.write_bytes(content)
    said = refuse(project, "parameters")
    assert said.startswith(f"conf/local/parameters.yml, line {line}, ")
    assert wanted in said


@pytest.mark.parametrize("content", ["- a\n- b\n", "${a\n: 3\n", "a: ${b\n"])
def test_a_file_that_is_no_configuration_is_named(project: Any, content: str) -> None:
    """A list, a text and a torn reference are said with their file."""
    write(project, "local/parameters.yml", content)
    assert refuse(project, "parameters").startswith("conf/local/parameters.yml")


def test_a_key_in_two_files_names_both(project: Any) -> None:
    """A key that two files of one folder hold is said in one line."""
    write(project, "local/parameters_more.yml", "training: {calibration: none}\n")
    write(project, "local/parameters.yml", "training: {calibration: auto}\n")
    said = refuse(project, "parameters")
    assert "Duplicate keys" in said
    assert "conf/local/parameters_more.yml" in said
    assert "training.calibration" in said


@pytest.mark.parametrize("kind", ["globals", "mlflow", "catalog", "credentials", "spark"])
def test_every_kind_of_file_is_read_with_its_line(project: Any, kind: str) -> None:
    """A torn line is found in whichever file it stands."""
    folder = "local" if kind == "credentials" else "base"
    write(project, f"{folder}/{kind}.yml", "first: 1\nsecond: [1\n")
    said = refuse(project, kind)
    assert said.startswith(f"conf/{folder}/{kind}.yml, line 3, near 'second'")


def test_a_broken_file_ends_a_command_in_one_line(project: Any) -> None:
    """A terminal shows the one line, not a traceback."""
    write(project, "local/globals.yml", "data_dir: [x\n")
    result = project.command("--pipeline", "scoring")
    assert result.exit_code == 1
    assert (
        result.output.strip().splitlines()[-1].startswith("Error: conf/local/globals.yml, line 2")
    )
    assert "Traceback" not in result.output


def test_an_environment_changes_what_base_refers_to(project: Any) -> None:
    """A problem's clock and contract in conf/local count, although conf/base refers to them."""
    write(
        project,
        "local/parameters.yml",
        "telco_churn: {as_of: 2025-04-01, gate_min_rows: 77, simulated: {owner: somebody}}\n",
    )
    parameters = open_loader(project)["parameters"]
    assert str(parameters["as_of"]) == "2025-04-01"
    assert parameters["problem"]["owner"] == "somebody"
    assert parameters["gate"]["min_rows"] == 77
    assert (
        str(open_loader(project, telco_churn={"as_of": "2025-05-01"})["parameters"]["as_of"])
        == "2025-05-01"
    )


def test_an_environments_dataset_replaces_the_whole_entry(project: Any) -> None:
    """An entry of conf/local takes the place of that of conf/base, arguments and all."""
    write(project, "local/catalog.yml", "leaderboard: {type: json.JSONDataset, filepath: a.json}\n")
    catalog = open_loader(project)["catalog"]
    assert catalog["leaderboard"] == {"type": "json.JSONDataset", "filepath": "a.json"}
    assert catalog["events"]["type"] == "fullcircle.datasets.DeltaTableDataset"
