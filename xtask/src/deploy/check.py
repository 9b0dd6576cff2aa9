"""Reads the files of deploy/ that have no program here, and compares what they say of each other.

Schemas of Kubernetes come with the package kubernetes-validate, and YAML with it.
"""

import json
import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

DEPLOY = Path(sys.argv[1])
KUBERNETES = DEPLOY / "kubernetes"
# The oldest that is still looked after, and the newest that is known here.
VERSIONS = ["1.33", "1.37"]

findings = []


def finding(place, text):
    findings.append(f"{place}: {text}")


def documents(file):
    with open(file) as stream:
        return [document for document in yaml.safe_load_all(stream) if document]


def settings():
    """The names of all settings. A test of the server compares this file with what it reads."""
    text = (DEPLOY / "systemd/activity-tracker.env").read_text()
    return set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))


def check_settings(place, names):
    for name in sorted(set(names) - settings()):
        finding(place, f"{name} is no setting")


def check_schemas(files):
    for file in files:
        for document in documents(file):
            if document["kind"] == "Kustomization":
                continue
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    finding(f"{file.name}, {version}", f"{error.message} at {list(error.path)}")


def check_kubernetes():
    files = sorted(KUBERNETES.rglob("*.yaml"))
    check_schemas(files)
    [kustomization] = documents(KUBERNETES / "kustomization.yaml")
    listed = set(kustomization["resources"])
    there = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    for name in listed ^ there:
        finding("kustomization.yaml", f"{name} is listed and not there, or the other way round")
    named = [(d["metadata"], d) for file in files for d in documents(file) if "metadata" in d]
    objects = {(d["kind"], of.get("name", of.get("generateName"))): d for of, d in named}
    check_settings("configmap.yaml", objects["ConfigMap", "activity-tracker"]["data"])
    check_settings("secret.example.yaml", objects["Secret", "activity-tracker"]["stringData"])
    for value in objects["Secret", "activity-tracker"]["stringData"].values():
        if value:
            finding("secret.example.yaml", "there are values in it")
    for (kind, name), workload in objects.items():
        if kind in ("StatefulSet", "Job"):
            check_workload(f"{kind} {name}", workload, objects)
    pods = objects["StatefulSet", "activity-tracker"]["spec"]["template"]["metadata"]["labels"]
    for (kind, name), other in objects.items():
        spec = other.get("spec", {})
        selector = spec.get("podSelector") or (spec.get("selector") if kind != "Job" else None)
        if selector:
            labels = selector.get("matchLabels", selector)
            if not labels.items() <= pods.items():
                finding(f"{kind} {name}", f"selects no pod: {labels}")
    ports = {port["name"] for port in objects["Service", "activity-tracker"]["spec"]["ports"]}
    for (kind, name), ingress in objects.items():
        if kind == "Ingress":
            for path in ingress["spec"]["rules"][0]["http"]["paths"]:
                service = path["backend"]["service"]
                if service["name"] != "activity-tracker" or service["port"]["name"] not in ports:
                    finding(f"Ingress {name}", f"leads nowhere: {service}")


def check_workload(place, workload, objects):
    """What the Pod Security Standard `restricted` asks for, and a root that is only read."""
    pod = workload["spec"]["template"]["spec"]
    context = pod["securityContext"]
    if not context["runAsNonRoot"] or context["seccompProfile"]["type"] != "RuntimeDefault":
        finding(place, "the pod is not restricted")
    if pod["automountServiceAccountToken"]:
        finding(place, "it can talk to the cluster")
    for container in pod["containers"]:
        own = container["securityContext"]
        if own["allowPrivilegeEscalation"] or not own["readOnlyRootFilesystem"] or own["capabilities"]["drop"] != ["ALL"]:
            finding(place, "a container is not restricted")
        if "memory" not in container["resources"]["limits"]:
            finding(place, "nothing bounds its memory")
        for source in container["envFrom"]:
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source and (kind, source[key]["name"]) not in objects:
                    finding(place, f"there is no {kind} {source[key]['name']}")
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                finding(place, f"there is no volume {mount['name']}")


def check_compose():
    [compose] = documents(DEPLOY / "compose.yml")
    services = compose["services"]
    made = set(re.findall(r"secrets\.new/(\S+)", (DEPLOY / "compose/secrets.sh").read_text()))
    for name, service in services.items():
        place = f"compose.yml, {name}"
        for key in ("mem_limit", "restart", "logging", "security_opt"):
            if key not in service:
                finding(place, f"it has no {key}")
        if "healthcheck" not in service and not service["image"].startswith("activity-tracker:"):
            finding(place, "nobody asks how it is")
        if not re.search(r":[^:]*\d|ACTIVITY_TRACKER_TAG", service["image"]):
            finding(place, f"{service['image']} is no certain version")
        for other in service.get("depends_on", {}):
            if other not in services:
                finding(place, f"there is no {other}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith("."):
                if source not in compose["volumes"]:
                    finding(place, f"there is no volume {source}")
            elif source.startswith("./compose/secrets/"):
                if source.removeprefix("./compose/secrets/") not in made:
                    finding(place, f"nobody makes {source}")
            elif not (DEPLOY / source).exists():
                finding(place, f"there is no {source}")
        if "env_file" in service and service["env_file"].removeprefix("compose/secrets/") not in made:
            finding(place, f"nobody makes {service['env_file']}")
        if service["image"].startswith("activity-tracker:"):
            check_settings(place, service["environment"])
    script = (DEPLOY / "compose/secrets.sh").read_text()
    server = re.search(r"secrets\.new/server\.env <<ENV\n(.*?)\nENV", script, re.DOTALL)[1]
    check_settings("secrets.sh", re.findall(r"^([A-Z_]+)=", server, re.MULTILINE))
    image = re.findall(r"^ENV (.*?)(?<!\\)\n", (DEPLOY / "Dockerfile").read_text(), re.DOTALL | re.MULTILINE)[-1]
    check_settings("Dockerfile", re.findall(r"([A-Z_]+)=", image))


def check_watching():
    """Prometheus and Grafana: that they find what they are told to read, and that its names are ours."""
    [prometheus] = documents(DEPLOY / "prometheus/prometheus.yml")
    [sources] = documents(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")
    [boards] = documents(DEPLOY / "grafana/provisioning/dashboards/activity-tracker.yml")
    [compose] = documents(DEPLOY / "compose.yml")
    metrics = DEPLOY / "../docs/metrics.md"
    for rules in prometheus["rule_files"]:
        if not (DEPLOY / "prometheus" / rules).exists():
            finding("prometheus.yml", f"there is no {rules}")
    targets = {target for job in prometheus["scrape_configs"] for group in job["static_configs"] for target in group["targets"]}
    for target in targets:
        if target.split(":")[0] not in {*compose["services"], "127.0.0.1"}:
            finding("prometheus.yml", f"there is no {target}")
    path = boards["providers"][0]["options"]["path"]
    if not any(path in volume for volume in compose["services"]["grafana"]["volumes"]):
        finding("activity-tracker.yml", f"nothing is in {path}")
    uids = {source["uid"] for source in sources["datasources"]}
    board = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    expressions = []
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            expressions.append(target["expr"])
            if target["datasource"]["uid"] not in uids:
                finding("dashboard.json", f"{panel['title']} asks nobody")
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        finding("dashboard.json", "two panels have one id")
    known = set(re.findall(r"^\| `([a-z_]+)`", metrics.read_text(), re.MULTILINE))
    for name in sorted(set(re.findall(r"\b(?:activity|process)_[a-z_]+\b", " ".join(expressions)))):
        if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known:
            finding("dashboard.json", f"there is no metric {name}")
    for expression in expressions:
        if any(expression.count(a) != expression.count(b) for a, b in ("()", "[]", "{}")):
            finding("dashboard.json", f"brackets: {expression}")


check_kubernetes()
check_compose()
check_watching()
for line in findings:
    print(line, file=sys.stderr)
sys.exit(1 if findings else 0)
