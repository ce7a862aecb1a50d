"""Open-domain episodes: APIs are found, at the start or by the policy, and the record says so."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.agents import DFSDT, RandomPolicy, ReACT
from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message, Status
from toolenv.errors import ConfigurationError, RetrievalError
from toolenv.formats import read_tasks
from toolenv.mini import mini_solution, mini_tasks
from toolenv.open_domain import SEARCH
from toolenv.retrieval import Corpus, Found, RetrieverBase, build_index
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run

CORPUS = Corpus(api for task in mini_tasks() for api in task.apis)
WORDS = BM25Retriever(CORPUS, WordIndex(CORPUS.texts()))
FINISHED = '{"return_type": "give_answer", "final_answer": "so"}'


def open_env(**options: Any) -> ToolEnv:
    bare = [task.model_copy(update={"apis": ()}) for task in mini_tasks("I1-inst")]
    return ToolEnv(bare, **{"retriever": WORDS, **options})


def names(env: ToolEnv) -> list[str]:
    shown: list[Any] = env.functions
    return [function["function"]["name"] for function in shown]


def search(env: ToolEnv, query: str, **more: Any) -> Any:
    observation, *_ = env.step(
        Message(calls=(FunctionCall(SEARCH, json.dumps({"query": query, **more})),))
    )
    return json.loads(observation)


# --- offered at the start ------------------------------------------------------------------------


def test_an_episode_offers_what_was_retrieved_for_its_instruction() -> None:
    env = open_env(retrieve_k=4)
    env.reset(options={"task": 0})
    found = WORDS.search(env.task.instruction, 4)
    assert env.task.apis == tuple(one.api for one in found)
    assert len(names(env)) == 5
    assert names(env)[-1] == "Finish"


def test_what_the_source_lists_is_not_offered() -> None:
    env = ToolEnv(mini_tasks("I1-inst"), retriever=WORDS, retrieve_k=1)
    env.reset(options={"task": 0})
    assert len(env.task.apis) == 1
    assert env.task.relevant == mini_tasks("I1-inst")[0].relevant


def test_retrieved_apis_answer() -> None:
    env = open_env(retrieve_k=len(CORPUS))
    env.reset(options={"task": 0})
    ((function, arguments), *_), _ = mini_solution(env.task.id)
    *_, info = env.step(Message(calls=(FunctionCall(function, json.dumps(arguments)),)))
    assert info["status"] == Status.OK


def test_an_open_domain_file_runs_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "open.json"
    path.write_text('[{"query": "What is the current weather in Paris?", "query_id": 7}]')
    env = ToolEnv(read_tasks(path), retriever=WORDS)
    env.reset()
    assert "weather" in " ".join(names(env)).lower()


def test_published_open_domain_instructions_run_as_they_are(data: Path) -> None:
    path = data / "toolbench" / "instruction" / "inference_query_demo_open_domain.json"
    env = ToolEnv(read_tasks(path), retriever=WORDS, search_apis=True)
    for task in env.tasks:
        env.reset(options={"task": task.id})
        assert names(env) == [SEARCH, "Finish"]


# --- searched for --------------------------------------------------------------------------------


def test_a_search_adds_what_it_finds_to_what_can_be_called() -> None:
    env = open_env(search_apis=True)
    env.reset(options={"task": 0})
    assert names(env) == [SEARCH, "Finish"]
    found = search(env, "weather of a city", count=3)
    listed = [one["name"] for one in found["response"]]
    assert [one.api.name for one in WORDS.search("weather of a city", 3)] == [
        one["api"] for one in found["response"]
    ]
    assert names(env) == [SEARCH, *listed, "Finish"]
    search(env, "music playlists", count=2)
    assert names(env)[1:4] == listed
    assert len(names(env)) == 7


def test_a_function_cannot_be_called_before_it_is_found() -> None:
    env = open_env(search_apis=True)
    env.reset(options={"task": 0})
    ((function, arguments), *_), _ = mini_solution(env.task.id)
    call = Message(calls=(FunctionCall(function, json.dumps(arguments)),))
    *_, info = env.step(call)
    assert info["status"] == Status.NO_SUCH_FUNCTION
    place = CORPUS.functions.index(function)
    search(env, f"{CORPUS.apis[place].tool} {CORPUS.apis[place].name}", count=20)
    *_, info = env.step(call)
    assert info["status"] == Status.OK


def test_a_task_is_solved_by_searching() -> None:
    env = open_env(search_apis=True)
    task = env.tasks[0]
    calls, answer = mini_solution(task.id)
    env.reset(options={"task": task.id})
    search(env, task.instruction, count=20)
    for function, arguments in calls:
        env.step(Message(calls=(FunctionCall(function, json.dumps(arguments)),)))
    ending = json.dumps({"return_type": "give_answer", "final_answer": answer})
    *_, info = env.step(Message(calls=(FunctionCall("Finish", ending),)))
    assert info["outcome"] == "passed"


@pytest.mark.parametrize(
    "arguments",
    ["{}", '{"query": ""}', '{"query": 3}', '{"query": "x", "count": 0}', "nonsense", "[1]"],
)
def test_a_bad_search_is_an_observation(arguments: str) -> None:
    env = open_env(search_apis=True)
    env.reset(options={"task": 0})
    *_, info = env.step(Message(calls=(FunctionCall(SEARCH, arguments),)))
    assert info["status"] == Status.BAD_INPUT
    assert names(env) == [SEARCH, "Finish"]


def test_a_search_that_finds_nothing_says_so() -> None:
    env = open_env(search_apis=True)
    env.reset(options={"task": 0})
    assert search(env, "xyzzy")["response"] == []


def test_what_does_not_fit_into_the_observation_is_not_found() -> None:
    env = open_env(search_apis=True, observation_limit=400)
    env.reset(options={"task": 0})
    found = search(env, "weather city", count=20)["response"]
    assert 0 < len(found) < 20
    assert names(env) == [SEARCH, *(one["name"] for one in found), "Finish"]


def test_search_is_no_function_where_it_is_not_offered() -> None:
    env = open_env()
    env.reset(options={"task": 0})
    *_, info = env.step(Message(calls=(FunctionCall(SEARCH, '{"query": "weather"}'),)))
    assert info["status"] == Status.NO_SUCH_FUNCTION


def test_the_action_space_draws_from_what_was_found() -> None:
    env = open_env(search_apis=True)
    env.reset(seed=0, options={"task": 0})
    space = env.action_space
    search(env, "weather", count=5)
    drawn = {json.loads(str(space.sample()))["name"] for _ in range(60)}
    assert drawn <= set(names(env))
    assert drawn - {SEARCH, "Finish"}


def test_a_retriever_that_fails_is_no_ones_wrong_answer() -> None:
    class Failing(RetrieverBase):
        corpus = CORPUS
        fingerprint = "retriever-failing"

        def search_batch(self, queries: Any, k: int = 5) -> list[list[Found]]:
            raise RetrievalError("The model is away.")

    env = open_env(retriever=Failing(), search_apis=True)
    env.reset(options={"task": 0})
    *_, info = env.step(Message(calls=(FunctionCall(SEARCH, '{"query": "weather"}'),)))
    assert (info["ended"], info["outcome"]) == ("error:simulator", "infrastructure_error")


# --- forks and copies ----------------------------------------------------------------------------


def test_a_fork_keeps_what_was_found_and_finds_for_itself() -> None:
    env = open_env(search_apis=True)
    env.reset(options={"task": 0})
    search(env, "weather", count=1)
    twin, deep = env.fork(), copy.deepcopy(env)
    before = names(env)
    search(twin, "music playlists", count=2)
    assert names(env) == names(deep) == before
    assert names(twin)[: len(before) - 1] == before[:-1]
    env.reset(options={"task": 0})
    assert names(env) == [SEARCH, "Finish"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["weather", "music", "stock"]))))
def test_what_a_branch_can_call_is_what_its_path_found(moves: list[tuple[int, str]]) -> None:
    env = open_env(search_apis=True, max_steps=1000)
    env.reset(options={"task": 0})
    branches = [env]
    for which, query in moves:
        branch = branches[which % len(branches)].fork()
        search(branch, query, count=2)
        branches.append(branch)
    for branch in branches:
        found = [
            one["name"]
            for step in branch.branch.path()
            for one in json.loads(step.observation)["response"]
        ]
        assert names(branch) == [SEARCH, *dict.fromkeys(found), "Finish"]


# --- fingerprints, agents ------------------------------------------------------------------------


def test_the_fingerprint_says_what_was_retrieved_with() -> None:
    plain = ToolEnv(mini_tasks("I1-inst"))
    assert "open domain" not in plain.fingerprint_parts
    prints = {
        ToolEnv(mini_tasks("I1-inst"), retriever=WORDS, **options).fingerprint
        for options in ({}, {"retrieve_k": 3}, {"search_apis": True})
    }
    assert len(prints | {plain.fingerprint}) == 4


@pytest.mark.parametrize("options", [{}, {"search_apis": True}])
def test_equal_attempts_leave_equal_records(options: dict[str, Any]) -> None:
    env = open_env(**options)
    for agent in (ReACT(RandomPolicy()), DFSDT(RandomPolicy(), breadth=2)):
        assert agent.run(env, 1, seed=3) == agent.run(env, 1, seed=3)


def test_what_cannot_be_combined_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs a retriever"):
        ToolEnv(search_apis=True)
    with pytest.raises(ConfigurationError, match="compatibility"):
        ToolEnv(retriever=WORDS, search_apis=True, compatibility="toolbench")
    with pytest.raises(ConfigurationError, match="retrieve_k"):
        ToolEnv(retriever=WORDS, retrieve_k=0)
    with pytest.raises(ConfigurationError, match="no retrieval index"):
        ToolEnv(retriever="hybrid:/nowhere")


# --- as configuration ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("open") / "index"
    build_index(CORPUS, folder)
    return f"bm25:{folder}"


@pytest.mark.parametrize("search_apis", [False, True])
def test_a_retriever_is_text_for_gymnasium_and_passes_its_checks(
    index: str, search_apis: bool
) -> None:
    env = gymnasium.make(
        "toolenv/ToolBench-v0", retriever=index, retrieve_k=3, search_apis=search_apis
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(env.unwrapped)
    env.close()


def test_vector_environments_search_each_for_itself(index: str) -> None:
    envs: Any = gymnasium.make_vec(
        "toolenv/ToolBench-v0", num_envs=2, retriever=index, search_apis=True
    )
    envs.reset(seed=1)
    calls = [json.dumps({"name": SEARCH, "arguments": {"query": q}}) for q in ("weather", "music")]
    observations, *_ = envs.step(calls)
    shown = envs.call("functions")
    found = [{one["name"] for one in json.loads(text)["response"]} for text in observations]
    assert found[0] != found[1]
    for names_of, functions in zip(found, shown, strict=True):
        assert names_of <= {function["function"]["name"] for function in functions}
    envs.close()


def test_processes_find_the_same(index: str, tmp_path: Path) -> None:
    def results(processes: int) -> bytes:
        configuration = RunConfiguration(
            split="I1-inst", retriever=index, search_apis=True, processes=processes, first=4
        )
        out = tmp_path / str(processes)
        run(configuration, out)
        return (out / "results.jsonl").read_bytes()

    assert results(1) == results(2)
