"""The wheel works without the repository beside it: every package, every data file, and nobody else's names."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"specs", "wire", "conformance", "load", "mock_server", "reports", "echosounder"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_it_holds_the_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == PACKAGES


def test_it_holds_every_tracked_file_of_the_packages(wheel):
    listed = subprocess.run(
        ["git", "ls-files", *sorted(PACKAGES)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert set(listed.stdout.split()) - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_nobody_else_claims_our_names():
    owners = packages_distributions()
    assert {name: owners[name] for name in PACKAGES if set(owners.get(name, [])) - {"echosounder"}} == {}


def test_it_checks_its_mock_from_elsewhere(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    env = os.environ | {"PYTHONPATH": str(site)}  # stands before the checkout's .pth line

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False
        )

    assert python("-c", "import mock_server; print(mock_server.__file__)").stdout.startswith(str(site))
    done = python("-m", "echosounder", "check", "--suite", "smoke", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
