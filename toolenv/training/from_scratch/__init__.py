"""Small models from scratch: a tokenizer, a chat template, first weights and exercises in copying.

A model of a million parameters learns to use functions only after it has learned to copy: names,
keys and values stand in its prompt, and nothing of them can be known beforehand. So its first
weights hold attention heads that copy (``induction``), and it is trained on copying before it is
trained on episodes (``copying``).
"""

from toolenv.training.from_scratch.copying import copying_rows
from toolenv.training.from_scratch.folder import Made, make_model
from toolenv.training.from_scratch.model import SIZES, ModelSize, new_model
from toolenv.training.from_scratch.tokenizer import train_tokenizer

__all__ = [
    "SIZES",
    "Made",
    "ModelSize",
    "copying_rows",
    "make_model",
    "new_model",
    "train_tokenizer",
]
