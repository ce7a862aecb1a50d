"""ToolLLaMA checkpoints: prompts, scaled positions and LoRA, on a tiny random Llama."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.agents.tiny_models import make_tiny_model
from toolenv import bridge
from toolenv.agents import Policy, ReACT, TransformersPolicy
from toolenv.agents.policies.toolllama import OWN_WORDING, Wording, read_wording
from toolenv.agents.specification import open_policy
from toolenv.conversations import opening
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.limits import Budget
from toolenv.mini import mini_tasks
from toolenv.tasks import Task
from toolenv.testing import PolicySuite

TASK = mini_tasks()[0]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toolllama")
    return make_tiny_model(folder, chat_template=None, context=2048)


class TestToolLLaMA(PolicySuite):
    @pytest.fixture(autouse=True)
    def use(self, model: Path) -> None:
        self.model = model

    def make_policy(self) -> Policy:
        return TransformersPolicy(self.model, style="toolllama", max_new_tokens=16)

    def make_task(self) -> Task:
        return TASK


# --- prompts -----------------------------------------------------------------------------------

FUNCTION: dict[str, JsonValue] = {
    "type": "function",
    "function": {
        "name": "now_for_clock",
        "description": "Tells the time.",
        "parameters": {
            "type": "object",
            "properties": {
                "zone": {"type": "string", "description": "Time zone.", "examples": ["UTC"]},
                "short": {"type": "boolean", "description": "Whether it is short."},
            },
            "required": ["zone"],
        },
    },
}
SHOWN = (
    "[{'name': 'now_for_clock', 'description': 'Tells the time.', 'parameters': {'type': 'object', "
    "'properties': {'zone': {'type': 'string', 'description': 'Time zone.', 'example_value': "
    "'UTC'}, 'short': {'type': 'boolean', 'description': 'Whether it is short.'}}, 'required': "
    "['zone'], 'optional': ['short']}}]"
)


def history() -> list[dict[str, JsonValue]]:
    call: JsonValue = {"function": {"name": "now_for_clock", "arguments": '{"zone": "UTC"}'}}
    return [
        *opening("What time is it?"),
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "name": "now_for_clock", "content": "12:00"},
        {"role": "user", "content": "Something else, please."},
    ]


def text_of(policy: TransformersPolicy) -> str:
    return policy.prompting.text(None, history(), [FUNCTION])


def record(
    number: int, tools: str = "1.clock: Tells the time.\n2.map: None\n"
) -> dict[str, object]:
    functions = [{"name": "now_for_clock"}, {"name": "find_for_map"}, {"name": "Finish"}]
    return {
        "id": f"Step {number}: What is up?",
        "conversations": [
            {"from": "system", "value": f"You are good.\nTools:\n{tools}\nUse these: {functions}"},
            {"from": "user", "value": "\nWhat is up?\nGo!\n"},
            {"from": "assistant", "value": "\nThought: \nAction: Finish\nAction Input: {}"},
        ],
    }


def test_a_prompt_has_roles_and_calls_as_in_training(model: Path) -> None:
    text = text_of(TransformersPolicy(model, style="toolllama"))
    system, _, rest = text.partition("\nUser: ")
    assert system == f"System: {OWN_WORDING.before_tools}{OWN_WORDING.after_tools}{SHOWN}"
    assert rest == (
        "What time is it?\n"
        'Assistant: \nThought: I look.\nAction: now_for_clock\nAction Input: {"zone": "UTC"}\n'
        "Function: 12:00\n"
        "User: Something else, please.\n"
        "Assistant:\n"
    )


@pytest.mark.parametrize("lines", [False, True])
def test_the_wording_is_taken_from_the_users_file(model: Path, tmp_path: Path, lines: bool) -> None:
    records = [record(number) for number in range(30)]
    file = tmp_path / "train.json"
    texts = [json.dumps(one) for one in records]
    file.write_text("\n".join(texts) if lines else json.dumps(records, indent=1))
    assert read_wording(file) == Wording(
        "You are good.\nTools:\n", "\nUse these: ", "\n", "\nGo!\n", lists_tools=True
    )
    for place in (file, tmp_path):
        policy = TransformersPolicy(model, style="toolllama", prompts=place)
        text = text_of(policy)
        assert text.startswith(
            f"System: You are good.\nTools:\n1.clock: None\n\nUse these: {SHOWN}\n"
            "User: \nWhat time is it?\nGo!\n\nAssistant: \nThought: I look."
        )


def test_only_the_head_of_a_large_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    texts = ", ".join(json.dumps(record(number)) for number in range(40))
    file.write_text(f"[{texts}, {' ' * 9_000_000} and no JSON after that")
    assert read_wording(file).before_tools == "You are good.\nTools:\n"


def test_a_file_without_wording_says_so(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    strange: list[object] = [1, {}, {"conversations": [{"from": "system", "value": "[{[{"}]}]
    for content in ("", "[", "{}", json.dumps(strange), "[" * 100_000):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match="No record holds a system message"):
            read_wording(file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        TransformersPolicy(model, style="toolllama", prompts=tmp_path / "absent.json")


def test_the_wording_of_published_conversations_is_found(data: Path, tmp_path: Path) -> None:
    """Records made of published answers, in the form that ToolBench's preprocessing gives them."""
    records = []
    for file in sorted((data / "toolbench" / "answer").rglob("*.json")):
        generation = json.loads(file.read_text())["answer_generation"]
        if "train_messages" in generation:
            first = generation["train_messages"][-1]
            system = f"{first[0]['content']}The functions: {generation['function']}"
            said = [{"from": "system", "value": system}, {"from": "user", "value": "x"}]
            records.append({"id": f"Step 1: {generation['query']}", "conversations": said})
            said[1]["value"] = first[1]["content"]
    (tmp_path / "train.json").write_text(json.dumps(records))
    wording = read_wording(tmp_path)
    assert wording.lists_tools
    for one in records:
        system = str(one["conversations"][0]["value"])  # type: ignore[index]
        assert system.startswith(wording.before_tools)
        assert wording.after_tools in system
        query = str(one["id"]).partition(": ")[2]
        asked = str(one["conversations"][1]["value"])  # type: ignore[index]
        assert asked == f"{wording.before_query}{query}{wording.after_query}"


# --- positions and adapters --------------------------------------------------------------------


def logits(loaded: Any, tokens: list[int], positions: Any = None) -> Any:
    import torch

    ids = torch.tensor([tokens])
    with torch.inference_mode():
        return loaded(
            input_ids=ids, attention_mask=torch.ones_like(ids), position_ids=positions
        ).logits


TOKENS = [(7 * at) % 300 + 5 for at in range(200)]


@pytest.mark.parametrize(("ratio", "given"), [(2.0, None), (4.0, 4)])
def test_scaled_positions_give_the_logits_of_divided_positions(
    model: Path, ratio: float, given: float | None
) -> None:
    import torch
    import transformers

    policy = TransformersPolicy(model, style="toolllama", position_ratio=given)
    loaded = policy.load()
    assert loaded.context_length == 8192
    plain = transformers.LlamaForCausalLM.from_pretrained(model, dtype=torch.float32)
    divided = torch.arange(len(TOKENS), dtype=torch.float32)[None] / ratio
    expected = logits(plain, TOKENS, divided)
    torch.testing.assert_close(logits(loaded.model, TOKENS), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(plain, TOKENS), expected, rtol=1e-2, atol=1e-2)


def test_a_checkpoint_that_scales_by_itself_is_left_alone(model: Path, tmp_path: Path) -> None:
    import torch
    import transformers

    config = transformers.LlamaConfig.from_pretrained(model)
    config.rope_parameters = {**config.rope_parameters, "rope_type": "linear", "factor": 2.0}
    scaled = transformers.LlamaForCausalLM.from_pretrained(model, config=config)
    scaled.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path)
    policy = TransformersPolicy(tmp_path, style="toolllama")
    assert torch.equal(logits(policy.load().model, TOKENS), logits(scaled, TOKENS))


def test_an_adapter_adds_its_product_to_the_weights(model: Path, tmp_path: Path) -> None:
    import peft
    import torch
    import transformers

    torch.manual_seed(3)
    base = transformers.LlamaForCausalLM.from_pretrained(model, dtype=torch.float32)
    settings = peft.LoraConfig(
        r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], init_lora_weights=False
    )
    adapted = peft.get_peft_model(base, settings)
    adapted.save_pretrained(tmp_path / "adapter")
    factors = {name: value.detach().clone() for name, value in adapted.named_parameters()}

    reference = transformers.LlamaForCausalLM.from_pretrained(model, dtype=torch.float32)
    untouched = logits(reference, TOKENS)
    with torch.no_grad():
        for number, layer in enumerate(reference.model.layers):
            for name in ("q_proj", "v_proj"):
                place = f"base_model.model.model.layers.{number}.self_attn.{name}.lora_"
                down, up = (factors[f"{place}{part}.default.weight"] for part in ("A", "B"))
                assert down.shape[0] == up.shape[1] == 8
                getattr(layer.self_attn, name).weight += (16 / 8) * up @ down
    expected = logits(reference, TOKENS)

    policy = TransformersPolicy(model, adapter=tmp_path / "adapter")
    torch.testing.assert_close(logits(policy.load().model, TOKENS), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(untouched, expected, rtol=1e-2, atol=1e-2)
    assert policy.fingerprint != TransformersPolicy(model).fingerprint


# --- messages ----------------------------------------------------------------------------------


def test_a_message_is_read_as_thought_action_and_input(model: Path) -> None:
    policy = TransformersPolicy(
        model, style="toolllama", constrained=True, max_new_tokens=160, temperature=1
    )

    async def together() -> list[Any]:
        says = (policy(opening("Go."), TASK.functions, seed=seed) for seed in range(8))
        return list(await asyncio.gather(*says))

    for message in asyncio.run(together()):
        (call,) = message.calls
        assert call.name in {str(one["function"]["name"]) for one in TASK.functions}  # type: ignore[index,call-overload]
        assert not message.content.startswith("Thought:")


def test_one_flag_runs_an_episode(model: Path) -> None:
    policy = open_policy(f"toolllama:{model}?max_new_tokens=20&temperature=0.5")
    assert policy.name == f"toolllama:{model}"
    agent = ReACT(policy, budget=Budget(policy_calls=2))
    episode = agent.run(ToolEnv(), 0, seed=1)
    assert episode.ended and len(episode.steps) == 2


def test_positions_that_cannot_be_scaled_say_so(tmp_path: Path) -> None:
    import transformers

    config = transformers.GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    policy = TransformersPolicy(tmp_path, position_ratio=2)
    with pytest.raises(ConfigurationError, match="no rotary positions"):
        bridge.run(policy(opening("x"), [], seed=0))
