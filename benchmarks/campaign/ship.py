"""A seed's policies, made ready to travel with the package.

    python -m benchmarks.campaign.ship campaign/seed-0 [--to toolenv/mini/benchmark/trained]

Weights in bfloat16, nothing that only training needs, a card, and the digests of all files. The
same campaign gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path
from typing import Any

from benchmarks.campaign.card import model_card
from toolenv.errors import ConfigurationError, ToolenvError
from toolenv.jsontext import parse
from toolenv.mini.benchmark.trained import STAGES, TRAINED
from toolenv.training.folder import TrainingRecord

__all__ = ["ship"]

_COPIED = (
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


def ship(seed: Path, to: Path) -> None:
    """Write a seed's policies, their card and their digests, in place of what is there.

    Args:
        seed: The seed's folder, below the campaign's.
        to: The folder to write.

    Raises:
        ConfigurationError: A training is not there or not finished, or the folder to write holds
            something else.
    """
    if to.exists() and any(to.iterdir()) and not (to / "SHA256SUMS").exists():
        raise ConfigurationError(
            "The folder holds something else.", where=str(to), fix="Name another with --to."
        )
    models = {stage: seed / "models" / stage for stage in STAGES}
    for model in models.values():
        record = TrainingRecord.read(model)
        if record is None or record.state != "finished":
            raise ConfigurationError(
                "Is no finished training.",
                where=str(model),
                fix="python -m benchmarks.campaign goes on with it.",
            )
    card = model_card(seed.parent, seed.name)
    shutil.rmtree(to, ignore_errors=True)
    for stage, model in models.items():
        _copy(model, to / stage)
    (to / "README.md").write_text(card)
    files = sorted(file for file in to.rglob("*") if file.is_file())
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(to).as_posix()}\n"
        for file in files
    ]
    (to / "SHA256SUMS").write_text("".join(lines))


def _copy(model: Path, to: Path) -> None:
    import json

    import torch
    from safetensors.torch import load_file, save_file

    to.mkdir(parents=True)
    for name in _COPIED:
        shutil.copyfile(model / name, to / name)
    # Trainers turn the cache off, which is right for training alone.
    config: Any = parse((model / "config.json").read_bytes())
    config |= {"dtype": "bfloat16", "use_cache": True}
    (to / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    weights = load_file(model / "model.safetensors")
    rounded = {name: weights[name].to(torch.bfloat16).contiguous() for name in sorted(weights)}
    save_file(rounded, to / "model.safetensors", metadata={"format": "pt"})
    (to / "model.safetensors").chmod(0o644)


def main() -> None:
    """Write the folder and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("seed", type=Path, help="a seed's folder, as campaign/seed-0")
    parser.add_argument("--to", type=Path, default=TRAINED)
    given = parser.parse_args()
    try:
        ship(given.seed, given.to)
    except ToolenvError as error:
        raise SystemExit(f"error: {error}") from None
    size = sum(file.stat().st_size for file in given.to.rglob("*") if file.is_file())
    print(f"{size / 2**20:.1f} MiB: {given.to}")


if __name__ == "__main__":
    main()
