"""The folders stay what they are: names that are taken stay free, and imports flow one way."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def test_folders_whose_names_are_taken_are_no_packages():
    assert not (REPOSITORY / "platform" / "__init__.py").exists()
    assert not (REPOSITORY / "models" / "__init__.py").exists()
    assert list((REPOSITORY / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("name", ["platform", "code", "queue", "select", "types"])
def test_the_standard_library_is_found_from_the_root_of_the_repository(name):
    code = f"import {name}; print({name}.__file__)"
    told = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert not Path(told.stdout.strip()).is_relative_to(REPOSITORY / "platform")
    assert not Path(told.stdout.strip()).parent == REPOSITORY


def test_no_module_is_named_after_one_of_the_standard_library():
    taken = sys.stdlib_module_names - {"platform"}
    top = [path.stem for folder in ("platform", "models", ".") for path in (REPOSITORY / folder).iterdir()]

    assert taken.isdisjoint(top)


def test_imports_keep_the_contracts():
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    linter = Path(sys.executable).with_name("lint-imports")

    told = subprocess.run([linter, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)

    assert len(contracts) >= 4 and contracts[0]["layers"][0] == "haulout"
    assert told.returncode == 0, told.stdout
    assert f"{len(contracts)} kept, 0 broken" in told.stdout
