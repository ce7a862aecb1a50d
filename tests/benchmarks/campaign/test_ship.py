"""What travels with the package is what was trained, and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from benchmarks.campaign.card import lineage
from benchmarks.campaign.ship import ship
from tests.benchmarks.campaign.made import ROOT, made_campaign
from toolenv.errors import ConfigurationError
from toolenv.jsontext import render

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_campaign(tmp_path_factory.mktemp("ship") / "campaign")


@pytest.fixture(scope="module")
def shipped(seed: Path) -> Path:
    to = seed.parent.parent / "trained"
    ship(seed, to)
    return to


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)}


def test_each_stage_has_what_loading_needs_and_no_more(shipped: Path) -> None:
    of_a_stage = {
        *("config.json", "generation_config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
    }
    expected = {f"{stage}/{name}" for stage in ("sft", "dpo") for name in of_a_stage}
    assert set(contents(shipped)) == expected | {"README.md", "SHA256SUMS"}


def test_each_stage_loads_alone_with_the_weights_rounded(
    seed: Path, shipped: Path, tmp_path: Path
) -> None:
    import transformers

    for stage in ("sft", "dpo"):
        alone = shutil.copytree(shipped / stage, tmp_path / stage)
        model = transformers.AutoModelForCausalLM.from_pretrained(alone)
        trained = transformers.AutoModelForCausalLM.from_pretrained(seed / "models" / stage)
        assert model.dtype == torch.bfloat16 and model.config.use_cache
        for name, weight in trained.state_dict().items():
            assert torch.equal(model.state_dict()[name], weight.to(torch.bfloat16)), name
        assert transformers.AutoTokenizer.from_pretrained(alone).chat_template


def test_no_file_knows_where_it_was_made(seed: Path, shipped: Path) -> None:
    for name, content in contents(shipped).items():
        for place in (ROOT, str(seed.parent), str(Path.home())):
            assert place.encode() not in content, name


def test_the_digests_are_of_every_other_file(shipped: Path) -> None:
    found = contents(shipped)
    lines = found.pop("SHA256SUMS").decode().splitlines()
    assert lines == [f"{hashlib.sha256(found[name]).hexdigest()}  {name}" for name in sorted(found)]


def test_the_same_campaign_gives_the_same_bytes(seed: Path, shipped: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(seed.parent, tmp_path / "moved")
    ship(moved / "seed-0", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(shipped)
    ship(moved / "seed-0", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(shipped), "what was there is replaced"


def test_the_recipe_is_the_commands_that_led_there_in_order(seed: Path, shipped: Path) -> None:
    found = lineage(seed.parent, ["seed-0/models/dpo"])
    assert [one.out for one in found] == [
        *("runs/expert", "data/sft", "seed-0/models/sft"),
        *("seed-0/runs/explored", "seed-0/data/pairs", "seed-0/models/dpo"),
    ]
    card = (shipped / "README.md").read_text()
    for line in (
        "toolenv dataset sft campaign/runs/expert --out campaign/data/sft",
        "'transformers:campaign/seed-0/models/sft?temperature=0.5'",
        "--data campaign/seed-0/data/pairs --out campaign/seed-0/models/dpo",
        "| `data/sft` | 2 |",
        "toolenv 0.1.0, torch 2.13.0",
        "license: apache-2.0",
    ):
        assert line in card
    assert "grpo" not in card, "no policy here comes from it"


def test_figures_are_those_of_the_campaign_or_none(
    seed: Path, shipped: Path, tmp_path: Path
) -> None:
    assert "Figures" not in (shipped / "README.md").read_text()
    measured = shutil.copytree(seed.parent, tmp_path / "measured")
    table = "| passed, % |\n|---|\n| 12.5 |"
    (measured / "figures.json").write_text(render({"Test splits": table}))
    ship(measured / "seed-0", tmp_path / "out")
    assert f"### Test splits\n\n{table}\n" in (tmp_path / "out" / "README.md").read_text()


def test_what_is_not_finished_or_of_unknown_making_is_refused(seed: Path, tmp_path: Path) -> None:
    cut_off = shutil.copytree(seed.parent, tmp_path / "cut-off")
    record = cut_off / "seed-0" / "models" / "dpo" / "training.json"
    record.write_text(record.read_text().replace("finished", "training"))
    with pytest.raises(ConfigurationError, match="no finished training"):
        ship(cut_off / "seed-0", tmp_path / "out")
    lost = shutil.copytree(seed.parent, tmp_path / "lost")
    (lost / "done" / "seed-0-data-pairs.json").unlink()
    (lost / "done" / "seed-0-models-dpo.json").unlink()
    with pytest.raises(ConfigurationError, match="how it was made"):
        ship(lost / "seed-0", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(seed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="holds something else"):
        ship(seed, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
