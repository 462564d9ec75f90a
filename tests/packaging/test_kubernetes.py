"""The manifests of a load on Kubernetes: their members are those of the API, they fit together, and our command takes their arguments."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from echosounder.load.demands import checked, sworn
from echosounder.load.options import Options

MANIFEST = Path(__file__).parents[2] / "deploy" / "kubernetes.yaml"
DOCUMENTS = list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}
SECRET_KEY = closed({"secretKeyRef": closed({"name": NAME, "key": TEXT})})
# The part of batch/v1 and core/v1 that the manifests use (https://kubernetes.io/docs/reference/kubernetes-api/).
CONTAINER = closed(
    {"name": NAME, "image": TEXT, "args": many(TEXT)},
    env=many(closed({"name": TEXT, "valueFrom": SECRET_KEY})),
    ports=many(closed({"containerPort": COUNT})),
    resources=closed({"requests": TEXTS}, limits=TEXTS),
    volumeMounts=many(closed({"name": NAME, "mountPath": TEXT})),
)
POD = closed(
    {"restartPolicy": {"enum": ["Never", "OnFailure"]}, "containers": many(CONTAINER)},
    volumes=many(closed({"name": NAME, "emptyDir": {"type": "object"}})),
)
JOB = closed(
    {"template": closed({"metadata": closed({"labels": TEXTS}), "spec": POD})},
    backoffLimit=COUNT,
    completions=COUNT,
    parallelism=COUNT,
)
SERVICE = closed(
    {"selector": TEXTS, "ports": many(closed({"port": COUNT}, name=NAME))},
    clusterIP={"enum": ["None"]},
)
KINDS = {
    "Secret": ("v1", {"stringData": TEXTS}),
    "Service": ("v1", {"spec": SERVICE}),
    "Job": ("batch/v1", {"spec": JOB}),
}


def named(name: str, kind: str = "Job") -> Any:
    return next(each for each in DOCUMENTS if (each["kind"], each["metadata"]["name"]) == (kind, name))


def container(name: str) -> Any:
    return named(name)["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_each_document_has_the_members_of_its_kind(document: Any) -> None:
    version, rest = KINDS[document["kind"]]
    head = {"apiVersion": {"const": version}, "kind": TEXT, "metadata": closed({"name": NAME})}
    jsonschema.validate(document, closed({**head, **rest}))


def test_the_parts_fit_together() -> None:
    master, worker = container("echosounder-master"), container("echosounder-worker")
    labels = named("echosounder-master")["spec"]["template"]["metadata"]["labels"]
    service = named("echosounder-master", "Service")["spec"]
    assert service["selector"].items() <= labels.items()
    assert service["ports"][0]["port"] == master["ports"][0]["containerPort"] == 5557
    keys = named("echosounder", "Secret")["stringData"]
    for each in (master, worker):
        assert {row["valueFrom"]["secretKeyRef"]["key"] for row in each["env"]} == set(keys)
    assert named("echosounder-worker")["spec"]["parallelism"] == int(argument(master, "--expect-workers"))
    assert worker["args"][:3] == master["args"][:3], "the same scenario and URL"
    assert argument(worker, "--worker") == "echosounder-master:5557"


def test_our_command_takes_their_arguments() -> None:
    secret = named("echosounder", "Secret")["stringData"]["run-secret"]
    master, worker = container("echosounder-master"), container("echosounder-worker")
    url = master["args"][2]
    asked = Options(
        url,
        master["args"][1],
        master=argument(master, "--master"),
        expect_workers=int(argument(master, "--expect-workers")),
        rate=argument(master, "--rate"),
        run_secret=secret,
    )
    sworn(checked(asked))
    sworn(checked(Options(url, worker=argument(worker, "--worker"), run_secret=secret)))


def argument(container: Any, flag: str) -> str:
    args = container["args"]
    return str(args[args.index(flag) + 1])
