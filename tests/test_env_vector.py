"""Under vector environments: any text, stable info, and shared memory refused with the way out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import CustomSpaceError
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from tests.simulators_by_hand import Answering, finish, task
from toolenv.apis import FINISH
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Call, Response, Status

ID = "toolenv/MiniToolBench-v0"
GIVE_UP = json.dumps({"name": FINISH, "arguments": {"return_type": "give_up_and_restart"}})
LONG = "é搜索🎵\ud800" * 20_000


async def long_texts(call: Call, past: Branch) -> Response | None:
    return Response(f"{call.text}{LONG}", Status.OK, "local", "local")


def made() -> gymnasium.Env[Any, Any]:
    return gymnasium.make(ID, split="I1-inst", max_steps=4)


def made_long() -> gymnasium.Env[Any, Any]:
    return ToolEnv([task()], Answering(long_texts), observation_limit=1_000_000)


VECTORS: list[Any] = [
    lambda makers, **options: SyncVectorEnv(makers, **options),
    lambda makers, **options: AsyncVectorEnv(makers, shared_memory=False, **options),
]


@contextmanager
def closing(envs: VectorEnv[Any, Any, Any]) -> Iterator[VectorEnv[Any, Any, Any]]:
    try:
        yield envs
    finally:
        envs.close()


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_any_text_of_any_length_comes_through(vector: Any) -> None:
    with closing(vector([made_long, made_long])) as envs:
        observations, _ = envs.reset(seed=0)
        assert observations == ("Find it.", "Find it.")
        actions = [f'{{"name":"look_for_box","arguments":{{"x":"{x}"}}}}' for x in ("ä", "")]
        observations, *_ = envs.step(tuple(actions))
        assert observations == (f'{{"x":"ä"}}{LONG}', f'{{"x":""}}{LONG}')


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_the_next_step_resets_by_default(vector: Any) -> None:
    with closing(vector([made, made])) as envs:
        envs.reset(seed=3)
        ended, _, terminated, _, info = envs.step((GIVE_UP, "hm"))
        assert terminated.tolist() == [True, False]
        assert info["ended"].tolist() == ["gave_up", ""]
        observations, _, terminated, _, info = envs.step(("not looked at", "hm"))
        assert observations[0] not in (ended[0], observations[1])
        assert terminated.tolist() == [False, False]
        assert info["calls"].tolist() == [0, 0]


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_the_same_step_resets_and_keeps_the_last_observation(vector: Any) -> None:
    with closing(vector([made, made], autoreset_mode=AutoresetMode.SAME_STEP)) as envs:
        envs.reset(seed=3)
        observations, _, terminated, _, info = envs.step((GIVE_UP, "hm"))
        assert terminated.tolist() == [True, False]
        assert info["final_obs"][0] == '{"response":"chose to give up and restart"}'
        assert info["final_info"]["ended"][0] == "gave_up"
        assert info["ended"].tolist() == ["", ""]
        assert observations[0] != info["final_obs"][0]
        envs.step((GIVE_UP, GIVE_UP))


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_resets_can_be_left_to_the_caller(vector: Any) -> None:
    with closing(vector([made, made], autoreset_mode=AutoresetMode.DISABLED)) as envs:
        envs.reset(seed=3)
        before = envs.step((GIVE_UP, "hm"))[0]
        mask = np.array([True, False])
        after, _ = envs.reset(options={"reset_mask": mask})
        assert after[0] != before[0]
        assert after[1] == before[1]
        assert envs.step(("hm", GIVE_UP))[2].tolist() == [False, True]


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_types_in_info_are_stable(vector: Any) -> None:
    with closing(vector([made] * 3)) as envs:
        _, first = envs.reset(seed=0)
        for actions in (("hm", GIVE_UP, '{"name": "f"}'), ("hm",) * 3, (GIVE_UP,) * 3):
            _, _, _, _, info = envs.step(actions)
            assert info.keys() == first.keys()
            assert {k: v.dtype for k, v in info.items()} == {k: v.dtype for k, v in first.items()}
            assert {type(text) for text in info["ended"]} == {str}


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_equal_seeds_give_equal_episodes(vector: Any) -> None:
    def play() -> list[Any]:
        with closing(vector([made, made])) as envs:
            seen = [envs.reset(seed=7)[0]]
            envs.action_space.seed(1)
            for _ in range(6):
                observations, *_ = envs.step(
                    envs.action_space.sample(mask=tuple(envs.get_attr("functions")))  # type: ignore[attr-defined]
                )
                seen.append(observations)
            return seen

    assert play() == play()


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_samples_fit_the_current_tasks_with_their_functions_as_mask(vector: Any) -> None:
    with closing(vector([made, made])) as envs:
        for seed in range(5):
            envs.reset(seed=seed)
            functions = tuple(envs.get_attr("functions"))  # type: ignore[attr-defined]
            actions = envs.action_space.sample(mask=functions)
            for action, offered in zip(actions, functions, strict=True):
                assert json.loads(action)["name"] in {f["function"]["name"] for f in offered}
            *_, info = envs.step(actions)
            assert Status.NO_SUCH_FUNCTION not in info["status"]
            assert Status.BAD_INPUT not in info["status"]


def test_shared_memory_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="shared_memory=False") as refused:
        AsyncVectorEnv([made, made])
    assert isinstance(refused.value.__cause__, CustomSpaceError)
    assert "stale garbage for text observations" in str(refused.value.__cause__)
    assert "AsyncVectorEnv(env_fns, shared_memory=False)" in str(refused.value.__cause__)


@pytest.mark.parametrize(
    ("mode", "options"), [("sync", {}), ("async", {"shared_memory": False})], ids=["sync", "async"]
)
def test_make_vec(mode: str, options: dict[str, Any]) -> None:
    envs = gymnasium.make_vec(
        ID, num_envs=3, vectorization_mode=mode, vector_kwargs=options, split="I2-cat"
    )
    with closing(envs):
        _, info = envs.reset(seed=0)
        assert all(id.startswith("I2-cat-") for id in info["task"])
        assert envs.step((GIVE_UP,) * 3)[2].all()


def test_a_message_is_an_action_under_a_vector_environment_too() -> None:
    with closing(SyncVectorEnv([made, made])) as envs:
        envs.reset(seed=0)
        assert envs.step((finish(None), finish("x")))[2].tolist() == [True, True]
