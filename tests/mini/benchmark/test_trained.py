"""The policies that come with the package."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.campaign.recipe import Recipe
from tests.benchmarks.campaign.made import made_campaign
from toolenv import ToolEnv
from toolenv.agents import ReACT, TransformersPolicy
from toolenv.agents.specification import open_policy
from toolenv.errors import ConfigurationError
from toolenv.mini.benchmark import benchmark_simulator, benchmark_tasks, trained
from toolenv.mini.benchmark.trained import STAGES, TRAINED, Stage, trained_policy

pytest.importorskip("torch")
pytest.importorskip("transformers")

shipped = pytest.mark.skipif(
    not (TRAINED / "SHA256SUMS").exists(), reason="the trained weights are not in the tree yet"
)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Policies that have learned nothing, shipped as the real ones are."""
    from benchmarks.campaign.ship import ship

    place = tmp_path_factory.mktemp("trained")
    ship(made_campaign(place / "campaign"), place / "trained")
    return place / "trained"


@pytest.fixture
def packaged(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them in place of those of the package."""
    copy = shutil.copytree(stand_in, tmp_path / "trained")
    monkeypatch.setattr(trained, "TRAINED", copy)
    return copy


def answers_twice(stage: Stage) -> None:
    task = benchmark_tasks("I1-inst")[0]
    policy = trained_policy(stage, temperature=0, max_new_tokens=32)
    first, second = (
        ReACT(policy).run(ToolEnv([task], benchmark_simulator()), task, seed=seed)
        for seed in (0, 1)
    )
    assert first.policy == f"trained-{stage}"
    assert first.steps and [step.message.content for step in first.steps] == [
        step.message.content for step in second.steps
    ]
    assert [step.calls for step in first.steps] == [step.calls for step in second.steps]


@shipped
def test_the_folder_is_small() -> None:
    size = sum(file.stat().st_size for file in TRAINED.rglob("*") if file.is_file())
    assert size < 6 * 2**20


@shipped
def test_every_file_of_the_package_is_what_was_shipped() -> None:
    lines = (TRAINED / "SHA256SUMS").read_text().splitlines()
    named = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {
        file.relative_to(TRAINED).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in TRAINED.rglob("*")
        if file.is_file() and file.name != "SHA256SUMS"
    }
    assert found == named


@shipped
@pytest.mark.parametrize("stage", STAGES)
def test_the_policy_of_the_package_answers_and_the_likeliest_is_always_the_same(
    stage: Stage,
) -> None:
    answers_twice(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_a_shipped_policy_answers(packaged: Path, stage: Stage) -> None:
    answers_twice(stage)


def test_it_is_named_on_the_command_line_as_any_function(packaged: Path) -> None:
    policy = open_policy("local:toolenv.mini.benchmark:trained_policy?stage=sft&temperature=0")
    assert policy.name == "trained-sft"
    assert policy.fingerprint == trained_policy("sft", temperature=0).fingerprint


def test_its_fingerprint_is_of_what_it_is_not_of_where_it_lies(
    packaged: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = trained_policy().fingerprint
    monkeypatch.setattr(trained, "TRAINED", stand_in)
    assert trained_policy().fingerprint == copied
    assert trained_policy("sft").fingerprint != copied


def test_changed_and_absent_files_are_refused(packaged: Path) -> None:
    weights = packaged / "dpo" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"model\.safetensors: .*not what was shipped"):
        trained_policy()
    trained_policy("sft")
    weights.unlink()
    with pytest.raises(ConfigurationError, match=r"model\.safetensors: The file is absent"):
        trained_policy()
    (packaged / "SHA256SUMS").unlink()
    with pytest.raises(ConfigurationError, match="are not here"):
        trained_policy()


def test_it_is_asked_as_it_was_measured_unless_told_otherwise(packaged: Path) -> None:
    measured = open_policy(f"transformers:{packaged / 'dpo'}?{Recipe().policy_options}&device=cpu")
    assert isinstance(measured, TransformersPolicy)
    policy = trained_policy()
    assert (policy.sampling, policy.batch_size) == (measured.sampling, measured.batch_size)


def test_an_unknown_stage_is_refused(packaged: Path) -> None:
    with pytest.raises(ConfigurationError, match="sft or dpo"):
        open_policy("local:toolenv.mini.benchmark:trained_policy?stage=ppo")


def test_without_torch_it_says_how_to_get_it(
    packaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not installed
    with pytest.raises(ConfigurationError, match=r"pip install 'toolenv\[local\]'"):
        trained_policy()
