"""The promises of pyproject.toml, the lock and the Makefile that no other test would notice breaking."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import setuptools

from tests.runtime.conftest import PROJECT

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())


def test_the_lock_holds_every_dependency_with_hashes_and_names_no_host() -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    wanted = PYPROJECT["project"]["dependencies"] + PYPROJECT["project"]["optional-dependencies"]["dev"]
    missing = {re.split(r"[\[<>=;~ ]", line)[0] for line in wanted} - locked
    assert not missing
    assert not re.search(r"://|index|find-links|^-", lock, re.MULTILINE)
    for entry in re.split(r"\n(?=[a-z])", lock.strip()):
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


PLANTED = {
    "connector/http.py": ("import webhooks.shopify", "Layers"),
    "flows/core/enrol.py": ("import time", "The flow core is pure"),
    "webhooks/shopify.py": ("import flows.engine", "Webhooks and sync reach flows only through"),
    "sync/copies/contact.py": ("import brevo", "Provider SDKs live in their adapter"),
    "connector/admin/pages.py": ("import requests", "HTTP leaves through connector.http"),
    "connector/runtime/up.py": ("import sync.wishes", "The runtime knows nothing of the business"),
    "flows/simulator/desk.py": ("import sqlalchemy", "The simulator asks nobody"),
    "flows/content/render.py": ("import flows.gallery.page", "The gallery is a tool"),
    "flows/gallery/page.py": ("import requests", "The gallery asks nobody"),
    "sandbox/store.py": ("import connector.http", "The sandbox imports none of ours"),
    "connector/cli.py": ("import sandbox.store", "None of ours imports the sandbox"),
}
ALLOWED = {
    "connector/http.py": "import requests",
    "connector/brevo/calls.py": "import brevo, httpx, connector.http",
    "connector/shopify/tokens.py": "import shopify_app, shopify",
    "webhooks/shopify.py": "import flows.core.enrol, connector.http",
    "flows/engine/run.py": "import flows.core.enrol",
    "flows/actions/tag.py": "import flows.core.enrol",
    "flows/channels/email.py": "import flows.core.enrol",
    "flows/simulator/desk.py": "import flows.core.enrol",
    "flows/gallery/page.py": "import flows.content.render, playwright",
    "sandbox/store.py": "import requests",
    "connector/cli.py": "import connector.runtime.up",
}


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for name in (*PLANTED, *ALLOWED):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        for package in (file.parent, *file.parent.parents):
            if package == tmp_path:
                break
            (package / "__init__.py").touch()
        file.write_text(ALLOWED.get(name, ""))
    return tmp_path


def lint_imports(folder: Path) -> tuple[int, str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return answer.returncode, answer.stdout + answer.stderr


def test_what_the_contracts_allow_passes(skeleton: Path) -> None:
    status, said = lint_imports(skeleton)
    assert status == 0, said


@pytest.mark.parametrize("name", PLANTED)
def test_each_contract_reports_what_it_forbids(skeleton: Path, name: str) -> None:
    statement, contract = PLANTED[name]
    with (skeleton / name).open("a") as file:
        file.write(f"\n{statement}\n")
    status, said = lint_imports(skeleton)
    assert status == 1
    assert re.search(rf"^{re.escape(contract)}.* BROKEN", said, re.MULTILINE), said


@pytest.mark.parametrize(
    "statement",
    [
        "import datetime\ndatetime.datetime.now()",
        "import time\ntime.time()",
        "import uuid\nuuid.uuid4()",
        "import random\nrandom.choice([1])",
        "import os\nos.environ['X']",
        "import datetime\ndatetime.date.today()",
    ],
)
def test_time_chance_and_the_environment_have_one_home(statement: str) -> None:
    def codes(path: str) -> str:
        command = [Path(sys.executable).with_name("ruff"), "check", "--output-format=concise", "--no-cache"]
        command += ["--stdin-filename", path, "-"]
        source = f"{statement}\n"
        return subprocess.run(command, input=source, cwd=PROJECT, capture_output=True, text=True).stdout

    assert "TID251" in codes("flows/engine/planted.py")
    assert "TID251" not in codes("connector/clock.py")


@pytest.mark.skipif(int(setuptools.__version__.split(".")[0]) < 77, reason="needs the locked setuptools")
def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    packages = ["connector", "webhooks", "sync", "flows", "sandbox", "migrations"]
    for package in packages:
        shutil.copytree(PROJECT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        (source / name).write_text((PROJECT / name).read_text())
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    answer = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = (file for package in packages for file in (source / package).rglob("*") if file.is_file())
    missing = {str(file.relative_to(source)) for file in files if file.suffix != ".md"} - packed
    assert not missing


def test_make_without_a_target_lists_them_all() -> None:
    said = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY:(.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in phony.group(1).split():
        assert f"make {target}" in said


def test_setup_without_a_suitable_python_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci/setup", tmp_path / ".ci")
    env = {"PATH": "/usr/bin:/bin", "PYTHON": "no-such-python"}
    answer = subprocess.run([tmp_path / ".ci/setup"], env=env, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "No Python 3.11 or newer" in answer.stderr and "python3-venv" in answer.stderr
