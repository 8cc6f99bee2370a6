"""deploy/kubernetes: what kubectl builds is what Kubernetes takes, and what this project is."""

import re
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app import __version__
from app.settings import Settings
from tests.builders import serving
from tests.deploy.manifests import (
    KSERVE,
    PLAIN,
    ROOT,
    Manifest,
    built,
    mounts,
    needs_kubectl,
    of_kind,
    pod,
    pods,
    the,
)

pytestmark = needs_kubectl

NEWEST = kubernetes_validate.latest_version()
WAYS = pytest.mark.parametrize("way", [PLAIN, KSERVE])
PORT = Settings.model_fields["port"].default


def containers(way: str) -> list[Manifest]:
    return [
        container
        for each in pods(way)
        for container in each["spec"].get("initContainers", []) + each["spec"]["containers"]
    ]


@WAYS
def test_every_document_is_of_the_published_schema(way: str) -> None:
    for document in built(way):
        # KServe's own kind has a test file of its own
        if document["kind"] != "InferenceService":
            kubernetes_validate.validate(document, NEWEST, strict=True)


def test_a_field_that_the_schema_does_not_have_is_refused() -> None:
    deployment = the(PLAIN, "Deployment")

    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(
            deployment | {"spec": deployment["spec"] | {"replica": 2}}, NEWEST, strict=True
        )


@WAYS
def test_names_are_given_once(way: str) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in built(way)]

    assert len(names) == len(set(names))


@WAYS
def test_every_probe_asks_a_route_of_the_service(way: str) -> None:
    with serving(ROOT / "models") as client:
        routes = client.get("/openapi.json").json()["paths"]
    template = pod(way, "serve")
    [container] = template["spec"]["containers"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    scraped = template["metadata"]["annotations"]

    assert [probe["path"] for probe in probes] == ["/livez", "/livez", "/readyz"]
    assert {*(probe["path"] for probe in probes), scraped["prometheus.io/path"]} <= routes.keys()
    assert {probe["port"] for probe in probes} == {"http"}


@WAYS
def test_everybody_agrees_on_the_port(way: str) -> None:
    template = pod(way, "serve")
    [container] = template["spec"]["containers"]
    [policy] = [each for each in of_kind(way, "NetworkPolicy") if each["spec"]["ingress"]]
    [exposed] = re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert container["ports"] == [{"name": "http", "containerPort": PORT}]
    assert policy["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": PORT}]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(PORT) == exposed
    for service in of_kind(way, "Service"):
        assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


@WAYS
def test_images_are_targets_of_the_dockerfile_and_those_of_compose(way: str) -> None:
    targets = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    built_by_compose = {each["image"]: each["build"]["target"] for each in services.values()}

    for container in containers(way):
        image, tag = container["image"].split(":")
        assert built_by_compose[image] in targets
        assert tag == __version__
    assert {each["image"].split(":")[0] for each in containers(way)} == built_by_compose.keys()


@WAYS
def test_the_service_is_set_up_by_settings_that_it_has(way: str) -> None:
    known = {f"NEXTDAY_{name}".upper() for name in Settings.model_fields}
    [container] = pod(way, "serve")["spec"]["containers"]
    given = {variable["name"]: variable["value"] for variable in container["env"]}

    assert given.keys() <= known
    # what the image sets, so that it reads the claim
    assert mounts(container)["models"]["mountPath"] == "/models"
    assert "ENV NEXTDAY_MODELS=/models " in (ROOT / "Dockerfile").read_text()


@WAYS
def test_no_service_of_the_cluster_can_change_a_setting(way: str) -> None:
    # of each Service called x Kubernetes makes X_PORT and X_SERVICE_PORT for every container
    assert Settings.model_config["env_prefix"] == "NEXTDAY_"
    assert [each["spec"]["enableServiceLinks"] for each in pods(way)] == [False, False]


@WAYS
def test_a_pod_has_time_to_drain_and_to_finish(way: str) -> None:
    spec = pod(way, "serve")["spec"]
    [container] = spec["containers"]
    [drain] = [float(each["value"]) for each in container["env"] if "DRAIN" in each["name"]]
    probe = container["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]

    assert noticed < drain
    assert spec["terminationGracePeriodSeconds"] >= drain + 30


@WAYS
def test_every_pod_is_restricted(way: str) -> None:
    """The pod security standard `restricted`, and a root that nobody can write."""
    for each in pods(way):
        whole = each["spec"]["securityContext"]
        assert whole["runAsNonRoot"] is True
        assert (whole["runAsUser"], whole["runAsGroup"], whole["fsGroup"]) == (10001,) * 3
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert each["spec"]["automountServiceAccountToken"] is False
    for container in containers(way):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
    assert "USER 10001:10001" in (ROOT / "Dockerfile").read_text()


SELECTORS: dict[str, Callable[[Manifest], dict[str, str]]] = {
    "Deployment": lambda spec: spec["selector"]["matchLabels"],
    "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
    "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
    "Service": lambda spec: spec["selector"],
}


@WAYS
def test_every_selector_finds_the_pods_that_it_is_for(way: str) -> None:
    labels = {name: pod(way, name)["metadata"]["labels"] for name in ("serve", "train")}
    [spread] = pod(way, "serve")["spec"]["topologySpreadConstraints"]
    found = [("serve", spread["labelSelector"]["matchLabels"])]
    for kind, selector in SELECTORS.items():
        for document in of_kind(way, kind):
            component = document["metadata"]["labels"]["app.kubernetes.io/component"]
            found.append((component, selector(document["spec"])))

    assert len(found) == (6 if way == PLAIN else 4)
    for component, selected in found:
        chosen = [name for name, each in labels.items() if selected.items() <= each.items()]
        assert chosen == [component]


@WAYS
def test_the_models_are_written_by_training_alone(way: str) -> None:
    serve, train = pod(way, "serve")["spec"], pod(way, "train")["spec"]

    assert mounts(serve["containers"][0])["models"].get("readOnly") is True
    assert "readOnly" not in mounts(train["containers"][0])["models"]
    assert claims(serve) == {"models": "nextday-models"}
    assert claims(train)["models"] == "nextday-models"
    models = {
        each["metadata"]["name"]: each["spec"]["accessModes"]
        for each in of_kind(way, "PersistentVolumeClaim")
    }
    assert models["nextday-models"] == ["ReadWriteMany"]
    assert {*claims(serve).values(), *claims(train).values()} == models.keys()


def claims(spec: Manifest) -> dict[str, str]:
    return {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }


@WAYS
def test_every_mount_has_its_volume_and_every_volume_a_mount(way: str) -> None:
    for each in pods(way):
        spec = each["spec"]
        whole = spec.get("initContainers", []) + spec["containers"]
        mounted = {name for container in whole for name in mounts(container)}
        assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_the_autoscaler_alone_says_how_many_there_are() -> None:
    deployment, scaler = the(PLAIN, "Deployment"), the(PLAIN, "HorizontalPodAutoscaler")["spec"]
    target: dict[str, Any] = scaler["scaleTargetRef"]

    assert "replicas" not in deployment["spec"]
    assert target == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    # one pod may be away, and another still answers
    assert scaler["minReplicas"] > the(PLAIN, "PodDisruptionBudget")["spec"]["maxUnavailable"]
