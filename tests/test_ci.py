"""What CI systems run: the composite action, the GitLab job and the container, by their schemas and by hand."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from echosounder.mock_server.net.process import spawn
from tests.networks import listening, relay

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name"): step for step in ACTION["runs"]["steps"]}
# What `make anywhere` sets so that a process sees another time of day: the mocks of these tests do, so the jobs must.
SHIFTED = {name: os.environ[name] for name in ("PYTHONPATH", "ECHOSOUNDER_INSTANT_SHIFT") if name in os.environ}
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


def tool(name):
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return found or pytest.skip(f"needs {name}, a package of that name")


@pytest.mark.parametrize(
    ("schema", "path"), [("vendor.github-actions", "action.yml"), ("vendor.gitlab-ci", "ci/gitlab-ci.yml")]
)
def test_ci_files_are_what_their_systems_take(schema, path):
    command = [tool("check-jsonschema"), "--builtin-schema", schema, str(ROOT / path)]
    subprocess.run(command, check=True, capture_output=True)


def test_the_dockerfile_has_no_known_mistake():
    command = [tool("hadolint"), "--failure-threshold", "warning", str(ROOT / "Dockerfile")]
    subprocess.run(command, check=True, capture_output=True)


def test_every_input_of_the_action_is_used_and_known():
    used = re.findall(r"\binputs\.([a-z-]+)", json.dumps(ACTION["runs"]))
    assert set(used) == set(ACTION["inputs"])


def test_the_documented_use_of_the_action_gives_inputs_that_it_has():
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/clone.md").read_text(encoding="utf-8"), re.M | re.S)
    (use,) = yaml.safe_load(block)
    required = {name for name, about in ACTION["inputs"].items() if about.get("required")}
    assert required <= set(use["with"]) <= set(ACTION["inputs"])


@pytest.fixture
def runner(tmp_path):
    """What a GitHub runner gives a step, with this environment in place of the one that the step before installs."""
    (tmp_path / "echosounder").symlink_to(Path(sys.executable).parents[1])
    return {
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }


def step(name, runner, folder, **inputs):
    """Runs a step of the action as GitHub does: `bash -eo pipefail`, inputs filled in, in the caller's checkout."""
    given = {key: about.get("default", "") for key, about in ACTION["inputs"].items()} | inputs
    filled = {key: INPUT.sub(lambda one: given[one[1]], value) for key, value in STEPS[name].get("env", {}).items()}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)} | SHIFTED | runner | filled
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, encoding="utf-8", timeout=500, check=False)


def given(name):
    return ACTION["inputs"][name]["default"]


@pytest.mark.parametrize(("deviate", "code", "says"), [((), 0, "✓ conforms"), (("missing-done",), 1, "✗ deviates")])
def test_the_action_publishes_summary_junit_and_badge(deviate, code, says, runner, tmp_path):
    with spawn(deviate=deviate) as mock:
        done = step("Check", runner, tmp_path, url=mock.url, suite="smoke", **{"api-key": "sk-any-key-will-do"})
    assert done.returncode == code, done.stderr
    assert (tmp_path / "output").read_text(encoding="utf-8") == f"exit-code={code}\n"
    assert (tmp_path / "summary").read_text(encoding="utf-8").startswith(f"# Conformance: {says}")
    written = {path.name for path in (tmp_path / ACTION["inputs"]["out"]["default"]).iterdir()}
    assert written >= {"junit.xml", "badge.svg", "badge.json", "report.html", "summary.md", "run.jsonl"}


def test_the_action_fails_as_the_check_does_where_nothing_answers(runner, tmp_path):
    done = step("Check", runner, tmp_path, url="http://127.0.0.1:1")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert (tmp_path / "output").read_text(encoding="utf-8") == "exit-code=3\n"


@pytest.fixture
def clone():
    """The mock under names of models whose price nobody knows, and without keys."""

    def renamed(old, new):
        return lambda data: data.replace(old, new)

    with spawn(profile="openai", keyless=True, ttft_ms=0, itl_ms=0) as mock:

        def serve(connection):
            with socket.create_connection(("127.0.0.1", int(mock.url.rpartition(":")[2]))) as server:
                names = b"clone-of-v4", b"deepseek-v4"
                relay(connection, server, renamed(*names), renamed(*reversed(names)))

        with listening(serve) as port:
            yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("price", ["", "0.1,0.2,0.4"])
def test_the_action_runs_on_a_clone_whose_model_has_no_price(price, clone, runner, tmp_path):
    bounded = {"price": price, "budget-usd": "0.50"} if price else {}
    done = step("Check", runner, tmp_path, url=clone, profile="openai", suite="smoke", **bounded)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / given("out") / "report.json").read_text(encoding="utf-8"))
    assert report["target"]["model"].startswith("clone-of-v4")
    assert (report["cost"]["usd"] is not None) == bool(price)


def test_a_budget_that_cannot_be_kept_says_what_to_give(clone, runner, tmp_path):
    done = step("Check", runner, tmp_path, url=clone, profile="openai", suite="smoke", **{"budget-usd": "0.10"})
    assert done.returncode == 2
    assert "--price HIT,MISS,OUTPUT" in done.stderr


@pytest.mark.parametrize("suite", ["smoke", "standard", "thorough"])
def test_every_suite_fits_into_the_default_budget(suite, tmp_path):
    command = [sys.executable, "-m", "echosounder", "plan", "--suite", suite, "--json"]
    plan = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    assert plan["requests"] <= int(given("budget-requests"))
    assert given("budget-usd") == "", "a clone's model has no price"


def test_artifacts_of_a_matrix_have_names_of_their_own():
    (upload,) = [step for step in ACTION["runs"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert {"github.job", "strategy.job-index"} <= set(re.findall(r"[a-z]+\.[a-z-]+", upload["with"]["name"]))


def test_the_gitlab_job_runs_the_same_script_and_keeps_what_it_writes(tmp_path):
    job = yaml.safe_load((ROOT / "ci/gitlab-ci.yml").read_text(encoding="utf-8"))["echosounder"]
    with spawn(profile="openai", keyless=True, ttft_ms=0, itl_ms=0) as mock:
        variables = job["variables"] | {"ECHOSOUNDER_URL": mock.url, "ECHOSOUNDER_SUITE": "smoke"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = "\n".join(job["script"]).replace("/opt/echosounder", shlex.quote(str(ROOT)))
        env = {"PATH": path, "HOME": str(tmp_path)} | SHIFTED | variables
        command = ["bash", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / job["variables"]["ECHOSOUNDER_OUT"] / "junit.xml").exists()
    assert variables["ECHOSOUNDER_BUDGET_REQUESTS"] == given("budget-requests")
    assert job["artifacts"]["paths"] == [job["variables"]["ECHOSOUNDER_OUT"]]
    assert job["artifacts"]["reports"]["junit"] == f"{job['variables']['ECHOSOUNDER_OUT']}/junit.xml"


@pytest.mark.field
@pytest.mark.timeout(600)
def test_the_container_gets_an_environment_that_checks(tmp_path):
    """The Dockerfile's own command, on what .dockerignore lets through, in place of a build that needs a registry."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (install,) = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ci/")]
    ignored = shutil.ignore_patterns(*(ROOT / ".dockerignore").read_text(encoding="utf-8").replace("**/", "").split())
    shutil.copytree(ROOT, tmp_path / "src", symlinks=True, ignore=ignored)
    command = install.replace("/opt", str(tmp_path / "opt"))
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "src", check=True, capture_output=True)
    shutil.rmtree(tmp_path / "src")
    entry = tmp_path / "opt" / "echosounder" / "bin" / "echosounder"
    for order in (["check", "--suite", "smoke"], ["load", "streaming", "--users", "2", "--duration", "500ms"]):
        done = subprocess.run([entry, *order], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.field
@pytest.mark.timeout(600)
def test_the_install_step_makes_an_environment_that_checks(runner, tmp_path):
    """The step as it is, in a clean environment outside the repository; Dockerfile and GitLab job install by the same script."""
    (tmp_path / "echosounder").unlink()
    (tmp_path / "python").symlink_to(sys.executable)
    installed = step("Install", runner | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}, tmp_path)
    assert installed.returncode == 0, installed.stderr
    with spawn() as mock:
        done = step("Check", runner, tmp_path, url=mock.url, suite="smoke", **{"api-key": "sk-any-key-will-do"})
    assert done.returncode == 0, done.stderr
