"""The package as a whole: light to import, with examples that run and errors that help."""

from __future__ import annotations

import doctest
import importlib
import pickle  # noqa: TID251 -- what we pickled ourselves
import pkgutil
import subprocess
import sys

import pytest

import toolenv
from toolenv import errors

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(toolenv.__path__, "toolenv.")
    if not module.name.endswith("__main__")
)
HEAVY = {
    "datasets",
    "faiss",
    "openai",
    "pandas",
    "ray",
    "sentence_transformers",
    "torch",
    "transformers",
    "trl",
}


def heavy_after(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "toolenv" in loaded
    return sorted(loaded & HEAVY)


@pytest.mark.parametrize(
    "program",
    [
        "import toolenv",
        "from toolenv import ToolEnv; ToolEnv().reset()",
        "import toolenv.agents, toolenv.simulators, toolenv.snapshots, toolenv.running",
        "import sys; sys.argv[1:] = ['--help']\n"
        "from toolenv.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code",
    ],
    ids=["import", "environment", "packages", "help"],
)
def test_nothing_heavy_is_imported_before_it_is_used(program: str) -> None:
    assert heavy_after(program) == []


@pytest.mark.parametrize("name", ["toolenv", *MODULES])
def test_the_examples_in_the_documentation_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test.name
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(found) > 20


@pytest.mark.parametrize("name", ["toolenv", *MODULES])
def test_what_a_module_offers_is_there(name: str) -> None:
    module = importlib.import_module(name)
    for offered in getattr(module, "__all__", ()):
        assert getattr(module, offered) is not None


def test_the_package_offers_its_main_names() -> None:
    assert set(dir(toolenv)) >= set(toolenv.__all__)
    assert toolenv.__version__[0].isdecimal()
    with pytest.raises(AttributeError, match="no_such_thing"):
        toolenv.no_such_thing  # noqa: B018


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_say_what_where_and_what_to_do(name: str) -> None:
    kind: type[errors.ToolenvError] = getattr(errors, name)
    error = kind("It is empty.", where="tasks.json[3].query", fix="Fill it.")
    assert str(error) == "tasks.json[3].query: It is empty. Fill it."
    assert str(kind("It is empty.")) == "It is empty."
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(twin), str(twin)) == (kind, str(error))
    assert issubclass(kind, errors.ToolenvError)
