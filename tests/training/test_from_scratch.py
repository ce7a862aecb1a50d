import json
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.agents.policies.prompting import ChatPrompting
from toolenv.conversations import SYSTEM_PROMPT, conversation
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.mini.benchmark import benchmark_simulator, demonstrations
from toolenv.training.compact_template import COMPACT_TEMPLATES, compact_template
from toolenv.training.from_scratch import SIZES, ModelSize, copying_rows, new_model, train_tokenizer

torch = pytest.importorskip("torch", reason="models need torch")
pytest.importorskip("transformers", reason="models need transformers")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(
        message["content"] for row in copying_rows(100) for message in row["messages"]
    )


def functions_of(task: Any) -> list[dict[str, Any]]:
    env = ToolEnv([task], benchmark_simulator())
    env.reset(seed=0)
    return list(env.functions)


def test_a_prompt_holds_what_a_policy_is_shown(tokenizer: Any) -> None:
    for episode in islice(demonstrations(seed=3), 20):
        functions = functions_of(episode.task)
        messages = conversation(episode.branch)[:-2]
        text = ChatPrompting().text(tokenizer, messages, functions)
        assert episode.task.instruction in text
        for function in functions[:-1]:
            shown = function["function"]
            assert f"<|name|>{shown['name']}<" in text
            assert all(f"<|key|>{key}<" in text for key in shown["parameters"]["properties"])
        for message in messages[2:]:
            assert message["role"] != "tool" or f"<|tool|>{message['content']}<|" in text
        assert text.endswith("<|assistant|>")


def test_the_request_stands_before_the_functions_and_a_sentence_before_its_name(
    tokenizer: Any,
) -> None:
    episode = next(demonstrations(seed=3))
    functions = functions_of(episode.task)
    text = ChatPrompting().text(tokenizer, conversation(episode.branch)[:2], functions)
    name = functions[0]["function"]["name"]
    sentence = functions[0]["function"]["description"].split(". ", 1)[1]
    assert text.index(episode.task.instruction) < text.index(sentence) < text.index(name)


@pytest.mark.parametrize("again", [False, True])
def test_what_has_not_been_called_is_shown_again_after_each_answer_where_asked_for(
    tokenizer: Any, again: bool
) -> None:
    prompting = ChatPrompting(compact_template(COMPACT_TEMPLATES[again]))
    episode = next(one for one in demonstrations(seed=3) if len(one.branch.path()) > 2)
    functions = functions_of(episode.task)
    messages = conversation(episode.branch)
    called: set[str] = set()
    before = ""
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            prompt = prompting.text(tokenizer, messages[:number], functions)
            assert prompt.startswith(before)
            before = prompt
            shown = prompt.rpartition("<|tool|>")[2] if called else prompt
            names = [
                one["function"]["name"] for one in functions if one["function"]["name"] != "Finish"
            ]
            assert [name for name in names if f"<|name|>{name}<|" in shown] == [
                name for name in names if name not in called and (again or not called)
            ]
            said: Any = message
            called |= {call["function"]["name"] for call in said["tool_calls"]}
    assert len(called) > 1


def test_the_standard_system_prompt_takes_no_tokens_and_another_is_shown(tokenizer: Any) -> None:
    def rendered(system: str) -> str:
        said = [{"role": "system", "content": system}, {"role": "user", "content": "Go."}]
        text: str = tokenizer.apply_chat_template(said, tokenize=False)
        return text

    assert rendered(SYSTEM_PROMPT) == "<|user|>Go."
    assert rendered("Be brief.") == "<|system|>Be brief.<|user|>Go."


def test_calls_are_the_same_tokens_whether_arguments_are_text_or_an_object(tokenizer: Any) -> None:
    def rendered(arguments: object) -> list[int]:
        call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
        said = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
        ids: list[int] = tokenizer.apply_chat_template(said, return_dict=False)
        return ids

    assert rendered({"city": "Łódź", "n": 2}) == rendered('{"city":"Łódź","n":2}')


def test_the_loss_falls_on_what_the_assistant_says_and_on_the_end_of_its_turn(
    tokenizer: Any,
) -> None:
    (row,) = copying_rows(1, seed=5)
    found = tokenizer.apply_chat_template(
        row["messages"], return_assistant_tokens_mask=True, return_dict=True
    )
    trained = [
        token
        for token, mask in zip(found["input_ids"], found["assistant_masks"], strict=True)
        if mask
    ]
    said = [one["content"] for one in row["messages"] if one["role"] == "assistant"]
    assert tokenizer.decode(trained) == "".join(f"{text}<|end|>" for text in said)


@settings(max_examples=100, deadline=None)
@given(text=st.text())
def test_any_text_comes_back_from_its_tokens(tokenizer: Any, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@given(word=st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True))
def test_a_word_is_the_same_tokens_wherever_it_stands(tokenizer: Any, word: str) -> None:
    def tokens(text: str) -> list[int]:
        found: list[int] = tokenizer(text)["input_ids"]
        return found

    own = tokens(word)
    for before, after in ((" ", "."), ("_", "_"), ('{"', '":1'), ("<|key|>", "<|end|>")):
        whole = tokens(before + word + after)
        assert whole == tokens(before) + own + tokens(after)


def test_copying_exercises_say_nothing_that_was_not_shown_and_are_the_same_again() -> None:
    rows = list(copying_rows(50, seed=1))
    for row in rows:
        phrases, *rest = row["messages"]
        cues, said = rest[::2], rest[1::2]
        for cue, answer in zip(cues, said, strict=True):
            assert answer["content"] in phrases["content"].split(", ")
            assert answer["content"].split(" ")[0] == cue["content"]
    assert json.dumps(rows) == json.dumps(list(copying_rows(50, seed=1)))
    assert rows != list(copying_rows(50, seed=2))


def test_first_weights_look_for_what_followed_last_time(tokenizer: Any) -> None:
    model = new_model(tokenizer, SIZES["tiny"], seed=1)
    model.set_attn_implementation("eager")
    once = torch.randint(300, 900, (1, 60), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first, second, *_ = model(torch.cat([once, once], 1), output_attentions=True).attentions
    again = torch.arange(61, 119)
    assert first[0, 0].diagonal(-1).mean() > 0.3  # the token before
    assert second[0, 0][again, again - 59].mean() > 0.3  # what followed the same token
    assert second[0, -1][again, again - 59].mean() < 0.1  # the other heads are as drawn


def test_equal_seeds_give_equal_weights_and_leave_other_random_numbers_alone(
    tokenizer: Any,
) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one, same, other = (new_model(tokenizer, SIZES["tiny"], seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.model.embed_tokens.weight, other.model.embed_tokens.weight)


@pytest.mark.parametrize("size", [ModelSize(128, 1, 4, 64), ModelSize(100, 2, 3, 64)])
def test_a_size_that_cannot_be_is_refused(tokenizer: Any, size: ModelSize) -> None:
    with pytest.raises(ConfigurationError, match="No model can be made"):
        new_model(tokenizer, size)
