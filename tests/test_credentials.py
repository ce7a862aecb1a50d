"""Keys and tokens are refused where they would be written down, and never quoted."""

from __future__ import annotations

import pytest

from toolenv.agents import OpenAIPolicy
from toolenv.credentials import refuse_credentials, refuse_known_credentials
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.running.configuration import RunConfiguration

VALUE = "sk-live-0123456789"


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": VALUE},
        {"apiKey": VALUE},
        {"provider": [{"headers": {"Authorization": f"Bearer {VALUE}"}}]},
        {"x-rapidapi-key": VALUE},
        {"auth_token": VALUE},
        {"client_secret": VALUE},
        {"password": VALUE},
        f'{{"access_token": "{VALUE}"}}',
        f"openai:m?base_url=http://h/v1%3Fkey%3D{VALUE}",
        f"snapshot:a.snap|record:b.store?token={VALUE}",
    ],
    ids=str,
)
def test_fields_that_hold_keys_are_refused_and_not_quoted(value: JsonValue) -> None:
    with pytest.raises(ConfigurationError, match="holds a key or token") as refused:
        refuse_credentials(value, "extra_body")
    assert VALUE not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 3, "stop_token_ids": [1], "return_token_ids": True, "min_tokens": 1},
        {"key_variable": "MY_KEY", "prompt_cache_key": "g1", "secret": None, "keywords": "a"},
        "openai:m?base_url=http://127.0.0.1:8000/v1&temperature=0&tokenizer=t.json",
        "local:a:b?keyboard=1",
        "{not json",
    ],
    ids=str,
)
def test_other_fields_pass(value: JsonValue) -> None:
    refuse_credentials(value, "extra_body")


def test_the_value_of_a_variable_named_like_a_key_is_found_anywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", VALUE)
    monkeypatch.setenv("SHORT_KEY", "none")
    with pytest.raises(ConfigurationError, match="MY_SERVICE_TOKEN") as refused:
        refuse_known_credentials(f"a {VALUE} b none", "policies")
    assert VALUE not in str(refused.value)
    refuse_known_credentials("none", "policies")


def test_neither_a_policy_nor_a_run_takes_a_key_as_an_option() -> None:
    with pytest.raises(ConfigurationError, match="extra_body"):
        OpenAIPolicy("m", extra_body={"api_key": VALUE})
    with pytest.raises(ConfigurationError, match="base_url"):
        OpenAIPolicy("m", base_url=f"http://127.0.0.1/v1?api_key={VALUE}")
    with pytest.raises(ConfigurationError, match="policies") as refused:
        RunConfiguration(policies=(f'openai:m?extra_body={{"api_key":"{VALUE}"}}',))
    assert VALUE not in repr(refused.value)
