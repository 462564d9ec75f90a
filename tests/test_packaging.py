"""The wheel works without the repository beside it: every package, every data file, and nobody else's names."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINKED = {"specs", "wire", "judgement", "conformance", "load", "mock_server", "reports"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_one_name_of_ours_stands_in_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"echosounder"}


def test_it_holds_every_tracked_file_of_the_packages(wheel):
    listed = subprocess.run(
        ["git", "ls-files", "echosounder", *sorted(LINKED)], cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    )
    tracked = {path if path.startswith("echosounder/") else f"echosounder/{path}" for path in listed.stdout.split()}
    tracked -= {f"echosounder/{link}" for link in LINKED}
    assert tracked - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_it_checks_its_mock_from_elsewhere(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    env = os.environ | {"PYTHONPATH": str(site)}  # stands before the checkout's .pth line

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )

    assert python("-c", "from echosounder import mock_server; print(mock_server.__file__)").stdout.startswith(str(site))
    done = python("-m", "echosounder", "check", "--suite", "smoke", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
