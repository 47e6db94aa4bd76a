"""The manifests are what a cluster would take, and agree with the container files."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VERSION = "1.34"


def read(name: str) -> list[dict[str, Any]]:
    text = (DEPLOY / "kubernetes" / f"{name}.yaml").read_text("utf-8")
    return list(yaml.safe_load_all(text))


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give the pod of a Deployment or a CronJob."""
    spec = manifest["spec"]
    inner = spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec
    found: dict[str, Any] = inner["template"]["spec"]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_cluster_knows_every_field(file: Path) -> None:
    """Each manifest keeps the schema of Kubernetes; a misspelt field is no field."""
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    for manifest in yaml.safe_load_all(file.read_text("utf-8")):
        validate.validate(manifest, VERSION, strict=True)
    broken = {**manifest, "spec": {**manifest["spec"], "replicaz": 1}}
    with pytest.raises(validate.ValidationError):
        validate.validate(broken, VERSION, strict=True)


@pytest.mark.parametrize(("name", "container"), [("endpoint", "endpoint"), ("batch", "batch")])
def test_the_pod_is_the_container_s(name: str, container: str) -> None:
    """User, port and folder are the image's own; nothing is writable but the declared volumes."""
    text = (DEPLOY / f"Containerfile.{container}").read_text("utf-8")
    [manifest] = [each for each in read(name) if each["kind"] in ("Deployment", "CronJob")]
    spec = pod(manifest)
    [inner] = spec["containers"]
    user = re.search(r"^USER (\d+)", text, re.MULTILINE)
    assert user is not None
    assert spec["securityContext"]["runAsUser"] == int(user[1])
    assert inner["securityContext"]["readOnlyRootFilesystem"] is True
    work = re.findall(r"^WORKDIR (\S+)", text, re.MULTILINE)[-1]
    assert f"{work}/data" in [mount["mountPath"] for mount in inner["volumeMounts"]]
    if name == "endpoint":
        [port] = inner["ports"]
        assert f"EXPOSE {port['containerPort']}" in text


def test_the_job_is_one_that_is_declared() -> None:
    """The CronJob runs a job of schedules.yml, at its moment."""
    [manifest] = read("batch")
    [inner] = pod(manifest)["containers"]
    assert inner["args"][:2] == ["schedule", "run"]
    jobs = yaml.safe_load((DEPLOY.parent / "conf/base/schedules.yml").read_text("utf-8"))
    assert manifest["spec"]["schedule"] == jobs[inner["args"][2]]["cron"]
