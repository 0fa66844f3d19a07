"""Do the tests notice when the code that must lose nothing is wrong? Breaks it in one place at a time, and looks.

    python tests/benchmarks/mutants.py --each 12 --json OUT

A mutant is one change of the syntax tree: a comparison, a condition, a number or a sign turned round, a call or an
assignment left out. Files stay as they are: the mutant is compiled into a fork of this process, where the module's
tests run until one fails. What only processes started by tests would notice, or the real Label Studio, counts as
unnoticed. Mutants are drawn evenly by the seed; those that change nothing are not told apart from unnoticed ones.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = ROOT / "platform"
TESTS: dict[str, Sequence[str]] = {
    "haulout.journal": ("test_journal", "test_rebuild", "test_fsck"),
    "haulout.shipping": ("test_journal", "test_rebuild", "test_fsck"),
    "haulout.envelope": ("test_rebuild", "test_sending"),
    "haulout.holds": ("test_deletions", "test_watch"),
    "haulout.fences": ("test_lease", "test_ledger", "test_jobs"),
    "haulout.lease": ("test_lease", "test_loop", "test_cli"),
    "haulout.ledger": ("test_ledger", "test_jobs"),
    "haulout.rebuild": ("test_rebuild",),
    "haulout.room": ("test_room", "web/test_read_only"),
    "haulout.dispatch.sending": ("test_sending", "test_dispatch"),
    "haulout.dispatch.undelete": ("test_deletions",),
    "haulout.collect.storing": ("test_collect", "test_sending", "test_deletions"),
    "haulout.collect.sweep": ("test_deletions", "test_collect"),
    "haulout.safekeeping.backup": ("test_backup",),
    "haulout.safekeeping.restore": ("test_backup",),
    "haulout.desk.giving": ("test_desk_giving", "test_desk_delivery"),
    "haulout.desk.answering": ("test_desk_delivery", "web/test_desk"),
    "haulout.desk.delivery": ("test_desk_delivery",),
    "haulout.fsck.receipts": ("test_desk_delivery",),
    "haulout.accounts.sign_in": ("test_accounts", "web/test_entry"),
    "haulout.accounts.sessions": ("test_accounts", "web/test_entry"),
    "haulout.web.asking": ("web/test_authorisation", "web/test_entry"),
}
"""The modules that carry the promises, and the files below tests/platform that should notice."""
HEAVY = ("torch", "torchvision", "sklearn", "sqlmodel", "alembic", "flask", "hypothesis", "PIL", "matplotlib", "pandas")
SECONDS = 600
"""A mutant that makes the tests run longer is noticed."""
TURNED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
}


@dataclass(frozen=True)
class Mutant:
    """One change of a module."""

    module: str
    line: int
    what: str
    tree: ast.Module


def main() -> None:
    """Draw, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=12, help="mutants of a module")
    parser.add_argument("--only", nargs="*", default=sorted(TESTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "platform"), str(ROOT / "models")]
    os.environ.pop("CI", None)  # a test that needs what is missing here says nothing of a mutant
    for name in HEAVY:
        importlib.import_module(name)
    told: dict[str, Any] = {}
    for module in asked.only:
        told[module] = _measure(module, asked.each, np.random.default_rng([asked.seed, len(module)]))
        sys.stderr.write(f"{module}: {told[module]['noticed']} of {told[module]['mutants']}\n")
        if asked.json:
            asked.json.write_text(json.dumps(_summary(told, asked), indent=1))
    sys.stdout.write(json.dumps(_summary(told, asked), indent=1) + "\n")


def _summary(told: dict[str, Any], asked: argparse.Namespace) -> dict[str, Any]:
    mutants, noticed = (sum(one[name] for one in told.values()) for name in ("mutants", "noticed"))
    return {
        "benchmark": "mutants",
        "settings": {"each": asked.each, "seed": asked.seed},
        "share_noticed": round(noticed / max(mutants, 1), 3),
        "mutants": mutants,
        "modules": told,
    }


def _measure(module: str, each: int, rng: np.random.Generator) -> dict[str, Any]:
    files = [str(ROOT / "tests" / "platform" / f"{name}.py") for name in TESTS[module]]
    if not _passes(None, files):
        sys.exit(f"the tests of {module} fail without a mutant")
    mutants = list(_mutants(module))
    drawn = [mutants[place] for place in sorted(rng.choice(len(mutants), min(each, len(mutants)), replace=False))]
    unnoticed = [f"line {one.line}: {one.what}" for one in drawn if _passes(one, files)]
    return {"mutants": len(drawn), "of": len(mutants), "noticed": len(drawn) - len(unnoticed), "unnoticed": unnoticed}


def _passes(mutant: Mutant | None, files: Sequence[str]) -> bool:
    """Run the tests in a fork; False when one fails or they do not end."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(_run(mutant, files))
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(SECONDS)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    return status == 0


def _run(mutant: Mutant | None, files: Sequence[str]) -> int:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Broken(mutant))
    import pytest

    chosen = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not label_studio and not browser and not postgres"]
    return int(pytest.main([*chosen, f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *files]))


class _Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant, self._file = mutant, _file(mutant.module)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        if name != self._mutant.module:
            return None
        places = [str(self._file.parent)] if self._file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, self._file, loader=self, submodule_search_locations=places)

    def exec_module(self, module: Any) -> None:
        exec(compile(self._mutant.tree, str(self._file), "exec"), module.__dict__)


def _file(module: str) -> Path:
    path = PLATFORM.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _mutants(module: str) -> Iterator[Mutant]:
    tree = ast.parse(_file(module).read_text())
    for place, node in enumerate(ast.walk(tree)):
        if what := _change_of(node):
            changed = copy.deepcopy(tree)
            _change(next(one for number, one in enumerate(ast.walk(changed)) if number == place))
            yield Mutant(module, getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed))


def _change_of(node: ast.AST) -> str:
    """Say what is changed of a node, nothing when it stays."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED:
        return f"{ast.unparse(node)} turned round"
    if isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in TURNED:
        return f"the sign of {ast.unparse(node)[:60]}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"{ast.unparse(node)} without not"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int):
        return f"{node.value} is another"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return f"{ast.unparse(node)[:60]} left out"
    if isinstance(node, ast.Return) and node.value is not None:
        return f"{ast.unparse(node)[:60]} returns nothing"
    return ""


def _change(node: Any) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = TURNED[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp | ast.BinOp):
        node.op = TURNED[type(node.op)]()
    elif isinstance(node, ast.UnaryOp):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.Expr):
        node.value = ast.Constant(None)
    else:
        node.value = None


if __name__ == "__main__":
    main()
