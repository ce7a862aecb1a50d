"""A real transformers model in this process: tiny, with random weights, on the CPU."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.agents.tiny_models import CHAT_TEMPLATE, PLAIN_TEMPLATE, make_tiny_model
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.agents import DFSDT, Policy, ReACT, TransformersPolicy
from toolenv.agents.policies.generation import Prompt, Sampling, generate
from toolenv.agents.specification import open_policy
from toolenv.conversations import opening
from toolenv.env import ToolEnv
from toolenv.episodes import Message
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.jsontext import JsonValue, parse
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
    return make_tiny_model(tmp_path_factory.mktemp("model"))


class TestTransformersPolicy(PolicySuite):
    @pytest.fixture(autouse=True)
    def use(self, model: Path) -> None:
        self.model = model

    def make_policy(self) -> Policy:
        return TransformersPolicy(self.model, max_new_tokens=16)

    def make_task(self) -> Task:
        return TASK


def test_a_policy_that_is_let_go_leaves_no_model_behind(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=4)
    say_together(policy, conversations(2))
    loaded, kept = weakref.ref(policy.load().model), weakref.ref(policy)
    gc.disable()  # memory is not to wait until cycles are sought
    try:
        del policy
        assert kept() is None and loaded() is None
    finally:
        gc.enable()


def conversations(count: int) -> list[list[dict[str, JsonValue]]]:
    """Conversations of different lengths."""
    tasks = mini_tasks()
    return [opening(tasks[at % len(tasks)].instruction * (1 + at % 3)) for at in range(count)]


def say_together(
    policy: Policy,
    asked: Sequence[list[dict[str, JsonValue]]],
    functions: Sequence[dict[str, JsonValue]] = TASK.functions,
) -> list[Message]:
    async def together() -> list[Message]:
        says = (policy(one, functions, seed=seed) for seed, one in enumerate(asked))
        return list(await asyncio.gather(*says))

    return asyncio.run(together())


def say(policy: Policy, messages: list[dict[str, JsonValue]], *, seed: int = 0) -> Message:
    async def one() -> Message:
        return await policy(messages, TASK.functions, seed=seed)

    return bridge.run(one())


# --- batches -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0}, {"temperature": 1}, {"temperature": 0.7, "top_p": 0.9}],
    ids=["greedy", "drawn", "nucleus"],
)
def test_a_message_does_not_depend_on_its_batch(model: Path, options: dict[str, Any]) -> None:
    asked = conversations(11)
    together = TransformersPolicy(model, max_new_tokens=24, batch_size=8, **options)
    alone = TransformersPolicy(model, max_new_tokens=24, batch_size=1, batch_wait=0, **options)
    said = say_together(together, asked)
    assert said == [say(alone, one, seed=seed) for seed, one in enumerate(asked)]
    assert len({message.content for message in said}) > 5


def test_threads_share_one_model_and_its_batches(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=12)
    asked = conversations(6)
    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda one: say(policy, one, seed=4), asked))
    assert said == [say(policy, one, seed=4) for one in asked]


def test_two_models_can_be_loaded_at_the_same_time(model: Path) -> None:
    program = (
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from toolenv.agents import TransformersPolicy\n"
        "policies = [TransformersPolicy(sys.argv[1]) for _ in range(2)]\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    print(len([*pool.map(lambda policy: policy.load(), policies)]))\n"
    )
    done = subprocess.run(  # in a process that has not imported transformers
        [sys.executable, "-c", program, str(model)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_a_program_that_is_done_ends_though_the_model_is_still_talking(model: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from toolenv.agents import TransformersPolicy\n"
        "policy = TransformersPolicy(\n"
        "    sys.argv[1], max_new_tokens=8000, temperature=100, batch_size=64\n"  # hardly ever ends
        ")\n"
        "policy.load()\n"
        "async def ask():\n"
        "    asked = [{'role': 'user', 'content': 'Hello'}]\n"
        "    said = asyncio.gather(*(policy(asked, [], seed=seed) for seed in range(64)))\n"
        "    await asyncio.wait_for(said, 1)\n"
        "try:\n"
        "    asyncio.run(ask())\n"
        "except TimeoutError:\n"
        "    print('not waited for')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "not waited for\n"), done.stderr
    assert "terminate" not in done.stderr


def test_the_likeliest_tokens_are_those_of_plain_generate(model: Path) -> None:
    import torch

    policy = TransformersPolicy(model, max_new_tokens=20, temperature=0)
    loaded = policy.load()
    for messages, said in zip(
        conversations(4), say_together(policy, conversations(4)), strict=True
    ):
        tokens = policy.prompt(messages, TASK.functions).tokens
        plain = loaded.model.generate(
            input_ids=torch.tensor([tokens]), max_new_tokens=20, do_sample=False
        )[0, len(tokens) :]
        assert said.content == loaded.tokenizer.decode(plain, skip_special_tokens=True)
        assert said.usage == (len(tokens), len(plain))


def test_tokens_are_drawn_as_often_as_the_model_says(model: Path) -> None:
    import torch

    loaded = TransformersPolicy(model).load()
    tokens = loaded.tokenizer("What is the answer?")["input_ids"]
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([tokens])).logits[0, -1]
    expected = torch.softmax(logits / 0.5, -1)
    prompts = [Prompt(tokens, seed) for seed in range(3000)]
    texts = [loaded.tokenizer.decode([t], skip_special_tokens=True) for t in range(len(expected))]

    def drawn(top_p: float) -> Counter[str]:
        return Counter(one.text for one in generate(loaded, prompts, Sampling(0.5, top_p, 1)))

    whole = drawn(1.0)
    for text in set(texts):  # several tokens are parts of characters, which read alike
        share = sum(float(one) for one, its in zip(expected, texts, strict=True) if its == text)
        assert abs(whole[text] / 3000 - share) < 5 * (share / 3000) ** 0.5 + 0.001
    first, second = expected.argsort(descending=True)[:2].tolist()
    nucleus = drawn(float(expected[first] + expected[second] / 2))
    assert set(nucleus) == {texts[first], texts[second]}


def test_a_stop_text_ends_a_message_and_is_no_part_of_it(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=24, temperature=0)
    asked = conversations(3)
    whole = say_together(policy, asked)
    stop = whole[0].content[5:7]
    stopped = say_together(
        TransformersPolicy(model, max_new_tokens=24, temperature=0, stop=stop), asked
    )
    assert stopped[0].content == whole[0].content.partition(stop)[0]
    assert stopped[0].usage.output_tokens < whole[0].usage.output_tokens
    for before, after in zip(whole, stopped, strict=True):
        assert before.content.startswith(after.content)


# --- prompts and contexts ----------------------------------------------------------------------


def decoded(policy: TransformersPolicy, messages: list[dict[str, JsonValue]]) -> str:
    text = policy.load().tokenizer.decode(policy.prompt(messages, TASK.functions).tokens)
    assert isinstance(text, str)
    return text


def called(observed: str, count: int = 1) -> list[dict[str, JsonValue]]:
    messages = opening(TASK.instruction)
    for number in range(count):
        call: JsonValue = {
            "id": f"call_{number}_0",
            "type": "function",
            "function": {"name": "current_weather_for_skycast", "arguments": '{"city":"Lisbon"}'},
        }
        messages += [
            {"role": "assistant", "content": "Look it up.", "tool_calls": [call]},
            {
                "role": "tool",
                "tool_call_id": f"call_{number}_0",
                "name": "current_weather_for_skycast",
                "content": observed,
            },
        ]
    return messages


def test_the_template_shows_functions_calls_and_answers(model: Path) -> None:
    shown = decoded(TransformersPolicy(model), called("21 degrees"))
    assert all(str(f["function"]["name"]) in shown for f in TASK.functions)  # type: ignore[index,call-overload]
    assert '<tool_call>\n{"name": "current_weather_for_skycast", "arguments": {"city": ' in shown
    assert "<|begin|>tool\n21 degrees<|end|>" in shown
    assert shown.endswith("<|begin|>assistant\n")


@pytest.mark.parametrize(
    ("reasoning", "shown"), [("strip", ""), ("keep", "It rains."), (2, "It… [cut")]
)
def test_earlier_reasoning_is_shown_as_configured(model: Path, reasoning: Any, shown: str) -> None:
    messages = called("21 degrees")
    messages[2] = {**messages[2], "reasoning_content": "It rains."}
    native = CHAT_TEMPLATE.replace(
        "{{ message.content }}", "{{ message.reasoning_content }}/{{ message.content }}"
    )
    policy = TransformersPolicy(model, chat_template=native, reasoning=reasoning)
    assert f"<|begin|>assistant\n{shown}" in decoded(policy, messages)
    policy = TransformersPolicy(model, chat_template=PLAIN_TEMPLATE, reasoning=reasoning)
    thought = f"<think>\n{shown}" if shown else "Look it up."
    assert f"<|begin|>assistant\n{thought}" in decoded(policy, messages)


def test_a_later_prompt_begins_with_the_earlier_one(model: Path) -> None:
    policy = TransformersPolicy(model)
    earlier = decoded(policy, called("21 degrees"))
    later = decoded(policy, called("21 degrees", 2))
    assert later.startswith(earlier.removesuffix("<|begin|>assistant\n"))


def test_a_template_without_tools_gets_them_as_text(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model", chat_template=PLAIN_TEMPLATE)
    policy = TransformersPolicy(folder, max_new_tokens=8)
    shown = decoded(policy, called("21 degrees", 2))
    assert '"name":"daily_forecast_for_skycast"' in shown
    assert 'Look it up.\n{"name": "current_weather_for_skycast", "arguments": {"city"' in shown
    assert "<|begin|>user\ncurrent_weather_for_skycast answered: 21 degrees<|end|>" in shown
    assert isinstance(say(policy, called("21 degrees")), Message)


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, PLAIN_TEMPLATE, f"\n  {CHAT_TEMPLATE}"])
def test_a_template_that_prints_the_date_prints_one_that_stays(model: Path, template: str) -> None:
    date = (
        "{% if strftime_now is defined %}{% set today = strftime_now('%-d %b %Y, %A %d/%m') %}"
        "{% endif %}{% set ns = namespace(said=today) %}"
    )
    end = "{{ ns.said }} {{ spoken }}"

    def shown(template: str) -> str:
        options = {"spoken": "fr-CA"}
        policy = TransformersPolicy(model, chat_template=template, template_options=options)
        return decoded(policy, called("21 degrees", 1))

    undated = shown(template + "{{ spoken }}")
    dated = shown(template + date + end)
    assert dated == undated.replace("fr-CA", "1 Jan 2025, Wednesday 01/01 fr-CA")


def test_a_model_without_a_template_says_so(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model", chat_template=None)
    with pytest.raises(ConfigurationError, match="has no chat template"):
        say(TransformersPolicy(folder), opening("Hello"))
    template = tmp_path / "template.jinja"
    template.write_text(PLAIN_TEMPLATE)
    for given in (template, PLAIN_TEMPLATE):
        policy = TransformersPolicy(folder, chat_template=given, max_new_tokens=4)
        assert isinstance(say(policy, opening("Hello")), Message)


def test_a_template_that_refuses_is_a_typed_error(model: Path) -> None:
    broken = "{{ raise_exception('not today') }}"
    with pytest.raises(PolicyError, match="refuses the conversation: not today"):
        say(TransformersPolicy(model, chat_template=broken), opening("Hello"))


def test_long_conversations_are_cut_by_the_policys_own_tokens(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=20, context_length=3500)
    messages = called("rain and wind " * 400, 3)
    prompt = policy.prompt(messages, TASK.functions)
    assert len(prompt.tokens) <= 3480
    shown = decoded(policy, messages)
    assert str(messages[0]["content"]) in shown
    assert TASK.instruction in shown
    assert shown.count("[cut: ") == 3
    assert say(policy, messages).usage.input_tokens == len(prompt.tokens)


def test_what_cannot_be_cut_is_a_typed_error(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=20, context_length=300)
    with pytest.raises(PolicyError, match="280 fit"):
        say(policy, opening("a long task " * 500))
    with pytest.raises(ConfigurationError, match="leave no room for a prompt"):
        say(TransformersPolicy(model, max_new_tokens=300, context_length=300), opening("Hello"))


def test_text_that_no_tokenizer_takes_is_read(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=4, context_length=1600)
    assert isinstance(say(policy, called("half a \ud83d pair " * 200)), Message)


# --- constrained decoding ----------------------------------------------------------------------


@pytest.mark.parametrize("action_format", ["json", "hermes", "toolllama"])
def test_constrained_messages_are_calls_of_known_functions(model: Path, action_format: Any) -> None:
    policy = TransformersPolicy(
        model,
        constrained=True,
        action_format=action_format,
        max_new_tokens=180,
        batch_size=100,
        chat_template="{{ messages[-1].content[-3:] }}",  # what stands in the prompt is no matter
    )
    functions = mini_tasks()[40].functions
    resolver = Resolver(mini_tasks()[40].named_apis)
    said = say_together(policy, [opening("Go.")] * 200, functions)
    names = set()
    for message in said:
        (written,) = message.calls
        call = resolver.resolve(written)
        assert call.api is not None or call.function == "Finish"
        assert isinstance(parse(written.arguments), dict)
        # A number such as 1e999 is well-formed, and reads as none.
        assert not call.invalid or "null is not of type" in call.invalid
        names.add(call.function)
    assert len(names) > 2


def test_unconstrained_random_weights_call_nothing(model: Path) -> None:
    said = say_together(TransformersPolicy(model, max_new_tokens=40), [opening("Go.")] * 20)
    assert not any(message.calls for message in said)


def test_strange_schemas_are_constrained_as_far_as_they_can_be(model: Path) -> None:
    schemas: list[JsonValue] = [
        {"type": "object", "properties": {"a": {"type": "no such type"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": "array", "minItems": 2}}},
        {"type": "object", "properties": {"n": {"type": "number"}, 'é"\n': {"enum": [1, None]}}},
        None,
    ]
    functions: list[dict[str, JsonValue]] = [
        {"type": "function", "function": {"name": f"f{at}", "parameters": schema}}
        for at, schema in enumerate(schemas)
    ]
    policy = TransformersPolicy(model, constrained=True, max_new_tokens=150, batch_size=40)
    for message in say_together(policy, [opening("Go.")] * 40, functions):
        (call,) = message.calls
        assert call.name in {f"f{at}" for at in range(5)}
        assert isinstance(parse(call.arguments), dict)


def test_a_constrained_message_needs_functions_and_room(model: Path) -> None:
    policy = TransformersPolicy(model, constrained=True, max_new_tokens=20)
    with pytest.raises(PolicyError, match="Raise max_new_tokens"):
        say(policy, opening("Go."))
    with pytest.raises(PolicyError, match="no function"):
        say_together(policy, [opening("Go.")], [])


# --- episodes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("constrained", [False, True])
def test_nonsense_ends_in_recorded_episodes(model: Path, constrained: bool) -> None:
    longest = 180 if constrained else 40
    policy = TransformersPolicy(model, max_new_tokens=longest, constrained=constrained)
    agent = ReACT(policy, budget=Budget(policy_calls=3))

    async def together() -> list[object]:
        env = ToolEnv()
        return list(await asyncio.gather(*(agent.arun(env, 0, seed=seed) for seed in range(4))))

    episodes = [agent.run(ToolEnv(), 0, seed=seed) for seed in range(4)]
    assert asyncio.run(together()) == episodes
    for episode in episodes:
        assert episode.ended and episode.steps
        assert episode.cost.policy_calls <= 3
        assert episode.cost.output_tokens > 0


def test_a_search_over_a_local_model_is_repeatable(model: Path) -> None:
    policy = TransformersPolicy(model, max_new_tokens=180, constrained=True)
    agent = DFSDT(policy, budget=Budget(policy_calls=6))
    assert agent.run(ToolEnv(), 0, seed=1) == agent.run(ToolEnv(), 0, seed=1)


# --- what it is --------------------------------------------------------------------------------


def test_the_fingerprint_covers_what_decides_and_not_where_it_lies(
    model: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(model, tmp_path / "elsewhere")
    other = make_tiny_model(tmp_path / "other", seed=1)

    def of(folder: Path, **options: Any) -> str:
        return TransformersPolicy(folder, **options).fingerprint

    assert of(model) == of(copied) == of(model, batch_size=2, device="cpu")
    different = [
        of(model),
        of(other),
        of(model, temperature=0),
        of(model, top_p=0.5),
        of(model, max_new_tokens=7),
        of(model, chat_template=PLAIN_TEMPLATE),
        of(model, style="toolllama"),
        of(model, constrained=True),
        of(model, dtype="bfloat16"),
        of(model, stop="x"),
    ]
    assert len(set(different)) == len(different)


def test_it_is_made_from_text(model: Path) -> None:
    policy = open_policy(f"transformers:{model}?max_new_tokens=5&temperature=0&dtype=bfloat16")
    assert isinstance(policy, TransformersPolicy)
    assert policy.name == f"transformers:{model}"
    assert say(policy, opening("Hello")).usage.output_tokens <= 5


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens: Must be at least 1"),
        ({"temperature": -1}, "temperature: Must be at least 0"),
        ({"top_p": 0}, "top_p: Must be over 0"),
        ({"batch_size": 0}, "batch_size: Must be at least 1"),
        ({"action_format": "xml"}, "action_format: Unknown: 'xml'"),
        ({"style": "vicuna"}, "style: Unknown: 'vicuna'"),
        ({"prompts": "x.json"}, "prompts: Needs style toolllama"),
        ({"adapter": "nowhere"}, "nowhere: The folder holds no adapter_config.json"),
        ({"chat_template": "nowhere.jinja"}, "nowhere.jinja: The chat template cannot be read"),
        ({"position_ratio": 0.5}, "position_ratio: Must be at least 1"),
    ],
)
def test_options_that_cannot_be_used_say_why(
    model: Path, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        TransformersPolicy(model, **options)


def test_a_model_that_is_not_there_says_so(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no such folder"):
        TransformersPolicy(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match=r"holds no config\.json"):
        TransformersPolicy(tmp_path)
    with pytest.raises(ConfigurationError, match="No model is named"):
        open_policy("transformers:")
    with pytest.raises(ConfigurationError, match="Unknown precision"):
        say(TransformersPolicy(model, dtype="int3"), opening("x"))  # type: ignore[arg-type]


def test_damaged_weights_say_so(model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(model, tmp_path / "damaged")
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ConfigurationError, match="The model cannot be loaded"):
        say(TransformersPolicy(damaged), opening("Hello"))


def test_importing_agents_imports_no_model_library() -> None:
    program = (
        "import sys, toolenv.agents\n"
        "print([m for m in ('torch', 'transformers', 'peft', 'xgrammar') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
