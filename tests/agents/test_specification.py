from __future__ import annotations

import re

import pytest

from toolenv.agents import DFSDT, OpenAIPolicy, RandomPolicy, ReACT
from toolenv.agents.specification import open_agent, open_policy
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget
from toolenv.mini import KeywordPolicy

a_policy = RandomPolicy()


def strange() -> object:
    return 7


def test_policies_are_made_from_text() -> None:
    assert isinstance(open_policy("random"), RandomPolicy)
    assert isinstance(open_policy("local:toolenv.mini:KeywordPolicy"), KeywordPolicy)
    assert open_policy(f"local:{__name__}:a_policy") is a_policy
    policy = open_policy(
        "openai:org/model-7:free?base_url=http://127.0.0.1:8000/v1&temperature=0&max_tokens=null"
        "&extra_body=%7B%22top_k%22:5%7D"
    )
    assert isinstance(policy, OpenAIPolicy)
    assert policy.model == "org/model-7:free"
    assert policy.base_url == "http://127.0.0.1:8000/v1"
    assert (policy.temperature, policy.max_tokens, policy.extra_body) == (0, None, {"top_k": 5})


def test_agents_are_made_from_text() -> None:
    budget = Budget(policy_calls=3)
    react = open_agent("react", a_policy, budget)
    assert isinstance(react, ReACT) and react.policy is a_policy and react.budget is budget
    dfsdt = open_agent("dfsdt?breadth=3", a_policy)
    assert isinstance(dfsdt, DFSDT) and dfsdt.breadth == 3
    assert (react.name, dfsdt.name) == ("react", "dfsdt?breadth=3")


@pytest.mark.parametrize(
    ("specification", "problem", "fix"),
    [
        ("", "Unknown policy: ''", "the kinds are "),
        ("opnai:gpt", "Unknown policy: 'opnai:gpt'", "Write kind:place"),
        ("openai", "No model is named", "Write openai:MODEL"),
        ("openai:?base_url=x", "No model is named", "Write openai:MODEL"),
        ("openai:m?temprature=0", "temprature", ""),
        ("random?seed=1", "do not fit", ""),
        ("local:nowhere:x", "cannot be imported", "module:name"),
        ("local:json:x", "no attribute 'x'", "module:name"),
        (f"local:{__name__}:strange", "gives a", "toolenv.agents.Policy"),
        ("local:toolenv.mini:KeywordPolicy?x=1", "do not fit", ""),
    ],
)
def test_a_policy_that_cannot_be_made_says_why(specification: str, problem: str, fix: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
        open_policy(specification)
    assert fix in refused.value.fix


def test_an_option_that_does_not_fit_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="api_key") as refused:
        open_policy("openai:m?api_key=sk-a-key")
    assert "sk-a-key" not in str(refused.value)


@pytest.mark.parametrize(
    ("specification", "problem", "fix"),
    [
        ("", "Unknown agent: ''", "The agents are "),
        ("reACT", "Unknown agent: 'reACT'", "The agents are "),
        ("dfsdt?bredth=2", "bredth", ""),
        ("dfsdt?breadth=0", "must be a whole number", ""),
        ("dfsdt?breadth=wide", "must be a whole number", ""),
        ("react?breadth=2", "breadth", ""),
    ],
)
def test_an_agent_that_cannot_be_made_says_why(specification: str, problem: str, fix: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
        open_agent(specification, a_policy)
    assert fix in refused.value.fix
