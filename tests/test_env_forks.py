"""Forks: independent branches of one episode, whatever the order in which they are explored."""

from __future__ import annotations

import asyncio
import copy
import pickle  # noqa: TID251 -- what we pickled ourselves
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators_by_hand import (
    Answering,
    Counter,
    Unforkable,
    call,
    echo,
    finish,
    several,
    task,
)
from toolenv.conversations import conversation
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Episode, FunctionCall, Message, number_in_preorder
from toolenv.errors import EpisodeError, ForkRefusedError
from toolenv.mini import mini_tasks

BOX = task()


def begun(seed: int = 0, **options: Any) -> ToolEnv:
    env = ToolEnv([BOX], Counter(), **{"max_steps": 1000, **options})
    env.reset(seed=seed)
    return env


def say(env: ToolEnv, word: str) -> ToolEnv:
    env.step(Message(content=word))
    return env


def words(branch: Branch) -> list[str]:
    return [step.message.content for step in branch.path()]


# --- one fork ------------------------------------------------------------------------------------


def test_a_fork_shares_the_past_and_not_the_future() -> None:
    env = say(begun(), "past")
    twin = env.fork()
    say(env, "mine")
    say(twin, "its")
    assert words(env.branch) == ["past", "mine"]
    assert words(twin.branch) == ["past", "its"]
    assert env.branch.steps is twin.branch.steps
    assert (env.depth, twin.depth) == (2, 2)
    assert env.meter is twin.meter


def test_what_one_fork_changes_the_other_does_not_see() -> None:
    env = begun()
    env.step(call("put"))
    twin = env.fork()
    later = twin.fork()
    env.step(several(call("put"), call("put")))
    twin.step(call("put"))
    counts = [each.step(call("look"))[0] for each in (env, twin, later)]
    assert counts == [f'{{"error":"","response":{n}}}' for n in (3, 2, 1)]


def test_the_embedded_world_forks() -> None:
    env = ToolEnv(split="I1-inst")
    env.action_space.seed(3)
    env.reset(seed=3)
    for _ in range(3):
        env.step(call("nothing"))
    twin = env.fork()
    actions = [env.action_space.sample() for _ in range(8)]

    def play(env: ToolEnv) -> list[Any]:
        return [env.step(action) for action in actions if not env.done]

    assert play(env) == play(twin)


def test_an_end_is_the_branchs_own() -> None:
    env = begun()
    twin = env.fork()
    twin.step(finish())
    assert twin.done
    assert not env.done
    after = twin.fork()
    assert (after.ended, after.done) == ("answer", True)
    with pytest.raises(EpisodeError, match=r"has ended \(answer\)"):
        after.step("more")


def test_a_reset_of_one_fork_leaves_the_other() -> None:
    env = say(begun(), "past")
    twin = env.fork()
    twin.reset(seed=5)
    say(twin, "new")
    assert words(env.branch) == ["past"]
    assert words(twin.branch) == ["new"]


def test_there_is_nothing_to_fork_before_a_reset() -> None:
    with pytest.raises(EpisodeError, match="Call reset first"):
        ToolEnv().fork()


def test_a_simulator_may_refuse() -> None:
    env = ToolEnv([BOX], Unforkable(echo))
    env.reset(seed=0)
    with pytest.raises(ForkRefusedError, match="unsent"):
        env.fork()
    env.step(call("look"))


def test_a_fork_has_the_settings_of_its_origin() -> None:
    env = begun(max_steps=2, render_mode="ansi")
    twin = env.fork()
    assert say(twin, "one").render() != env.render()
    *_, truncated, info = twin.step("two")
    assert (truncated, info["ended"]) == (True, "limit:steps")
    assert twin.fingerprint == env.fingerprint
    assert twin.functions == env.functions


def test_a_fresh_environment_has_no_episode() -> None:
    fresh = say(begun(), "past").fresh()
    with pytest.raises(EpisodeError):
        fresh.step("x")
    fresh.reset(seed=0)
    assert fresh.branch.path() == []


# --- seeds ---------------------------------------------------------------------------------------


def test_the_first_branch_has_the_seeds_of_an_episode_without_forks() -> None:
    alone, env = begun(seed=4), begun(seed=4)
    for _ in range(5):
        twin = env.fork()
        assert alone.seed == env.seed
        say(alone, "x")
        say(env, "x")
        say(twin, "other")


def test_siblings_have_seeds_of_their_own_by_rank_alone() -> None:
    seeds = set()
    for order in ([0, 1, 2], [2, 0, 1]):
        env = say(begun(seed=4), "past")
        forks = {rank: env.fork(rank) for rank in order}
        before = {rank: fork.seed for rank, fork in forks.items()}
        after = {rank: say(forks[rank], "x").seed for rank in order}
        seeds.add((tuple(before[rank] for rank in range(3)), tuple(after[r] for r in range(3))))
    ((before_them, after_them),) = seeds
    assert len({*before_them, *after_them}) == 6


def test_without_a_rank_places_are_given_as_steps_are_taken() -> None:
    env = begun()
    forks = [env.fork() for _ in range(3)]
    for number in (2, 0, 1):
        say(forks[number], str(number))
    say(env, "env")
    assert [(s.message.content, s.rank) for s in env.branch.steps] == [
        ("2", 0),
        ("0", 1),
        ("1", 2),
        ("env", 3),
    ]


def test_a_place_is_for_the_next_step_alone() -> None:
    fork = begun().fork(rank=7)
    say(say(fork, "a"), "b")
    assert [step.rank for step in fork.branch.path()] == [7, 0]


# --- the record ----------------------------------------------------------------------------------

Node = tuple[int, ...]
"""A node of a tree: the ranks along its path."""


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """The nodes of a tree in an order in which they can be explored."""
    nodes: list[Node] = []
    children: dict[Node, int] = {(): 0}
    for _ in range(draw(st.integers(1, 25))):
        parent = draw(st.sampled_from(sorted(children)))
        node = (*parent, children[parent])
        children[parent] += 1
        children[node] = 0
        nodes.append(node)
    return nodes


def explored(order: list[Node], rng: Any) -> tuple[Episode, dict[Node, ToolEnv]]:
    """Explore a tree in an order: siblings in any, parents before their children."""
    root = begun(seed=9)
    envs: dict[Node, ToolEnv] = {(): root}
    waiting = list(order)
    while waiting:
        ready = [node for node in waiting if node[:-1] in envs]
        node = rng.choice(ready)
        waiting.remove(node)
        env = envs[node[:-1]].fork(rank=node[-1])
        env.step(Message(content=f"{node}", calls=(call("put" if sum(node) % 2 else "look"),)))
        envs[node] = env
    return root.episode(envs[order[-1]].branch), envs


@given(trees(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_record_does_not_depend_on_the_order_of_exploration(tree: list[Node], rng: Any) -> None:
    episode, envs = explored(tree, rng)
    other, others = explored(tree, rng)
    assert episode == other
    assert {n: e.seed for n, e in envs.items()} == {n: e.seed for n, e in others.items()}
    assert [step.message.content for step in episode.steps] == [f"{node}" for node in sorted(tree)]
    assert words(episode.branch) == [f"{tree[-1][:n]}" for n in range(1, len(tree[-1]) + 1)]
    for number, step in enumerate(episode.steps):
        assert ROOT <= step.parent < number
        assert [episode.steps[child].rank for child in episode.children(number)] == sorted(
            episode.steps[child].rank for child in episode.children(number)
        )
    assert {branch.at for branch in episode.branches()} == {
        number for number in range(len(tree)) if not episode.children(number)
    }


@given(trees(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_numbering_in_preorder_is_idempotent_and_maps_every_step(
    tree: list[Node], rng: Any
) -> None:
    _, envs = explored(tree, rng)
    taken = envs[()].branch.steps
    steps, numbers = number_in_preorder(taken)
    assert number_in_preorder(steps)[0] == steps
    assert sorted(numbers.values()) == list(range(-1, len(tree)))
    for old, new in numbers.items():
        if old != ROOT:
            assert steps[new] == taken[old]._replace(parent=numbers[taken[old].parent])


def test_siblings_explored_concurrently_give_the_same_record() -> None:
    async def explore(backwards: bool) -> Episode:
        env = begun(seed=2)
        forks = [env.fork(rank) for rank in range(6)]
        tasks = [fork.astep(call("put", {"x": str(n)})) for n, fork in enumerate(forks)]
        await asyncio.gather(*(reversed(tasks) if backwards else tasks))
        return env.episode(forks[3].branch)

    assert asyncio.run(explore(False)) == asyncio.run(explore(True))


# --- messages ------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["fork", "say", "call", "several", "unknown", "read"]),
            st.integers(0, 30),
        ),
        max_size=40,
    )
)
@settings(max_examples=150, deadline=None)
def test_messages_are_the_branchs_conversation_however_it_came_about(
    moves: list[tuple[str, int]],
) -> None:
    envs = [begun()]
    for number, (move, choice) in enumerate(moves):
        env = envs[choice % len(envs)]
        match move:
            case "fork":
                envs.append(env.fork())
            case "say":
                say(env, f"{number}")
            case "call":
                env.step(call("put", {"x": f"{number}"}))
            case "several":
                env.step(several(call("look"), call("put")))
            case "unknown":
                env.step(FunctionCall(f"f{number}"))
            case _:
                assert env.messages == conversation(env.branch)
    for env in envs:
        assert env.messages == conversation(env.branch)
        assert len(env.messages) >= 2 + env.depth


def test_a_list_of_messages_once_read_stays_as_it_is() -> None:
    env = begun()
    before = env.messages
    copied = copy.deepcopy(before)
    say(env, "more")
    before.clear()
    assert env.messages[:2] == copied
    assert len(env.messages) == 4


# --- copies --------------------------------------------------------------------------------------


def test_a_deep_copy_shares_nothing_that_changes() -> None:
    env = say(begun(budget={"policy_calls": 3}), "past")
    env.step(call("put"))
    seen: list[Any] = []
    env.attach(observer=seen.append)
    twin = copy.deepcopy(env)
    assert (twin.seed, twin.messages, twin.branch) == (env.seed, env.messages, env.branch)
    twin.step(call("put"))
    assert twin.done
    assert not env.done
    assert (len(env.branch.steps), len(twin.branch.steps)) == (2, 3)
    assert (env.meter.policy_calls, twin.meter.policy_calls) == (2, 3)
    assert (env.meter.api_calls, twin.meter.api_calls) == (1, 2)
    assert not seen
    assert env.step(call("look"))[0] == '{"error":"","response":1}'


def test_a_deep_copy_draws_as_its_original() -> None:
    env = ToolEnv()
    env.reset(seed=3)
    env.action_space.seed(4)
    twin = copy.deepcopy(env)
    assert [twin.action_space.sample() for _ in range(5)] == [
        env.action_space.sample() for _ in range(5)
    ]
    assert [twin.reset() for _ in range(5)] == [env.reset() for _ in range(5)]


def test_an_environment_without_an_episode_is_copied() -> None:
    twin = copy.deepcopy(ToolEnv())
    twin.reset(seed=0)
    assert twin.tasks == tuple(mini_tasks())


def test_a_pickled_environment_goes_on_where_it_was() -> None:
    env = ToolEnv(split="I1-inst", max_steps=50)
    env.reset(seed=3)
    env.action_space.seed(0)
    for _ in range(4):
        action = env.action_space.sample()
        if "Finish" not in action:
            env.step(action)
    twin: ToolEnv = pickle.loads(pickle.dumps(env))  # noqa: S301
    assert twin.messages == env.messages
    assert twin.fingerprint == env.fingerprint
    for _ in range(4):
        assert twin.seed == env.seed
        action = env.action_space.sample()
        assert twin.action_space.sample() == action
        if "Finish" not in action:
            assert twin.step(action) == env.step(action)


def test_an_episode_of_five_thousand_steps_copies_and_pickles() -> None:
    env = begun(max_steps=10_000)
    for number in range(5_000):
        env.step(call("put", {"x": str(number)}))
        if number % 100 == 0:
            env = env.fork()
    assert len(env.branch.path()) == 5_000
    assert len(env.messages) == 2 + 10_000
    copied = copy.deepcopy(env)
    pickled: ToolEnv = pickle.loads(pickle.dumps(env))  # noqa: S301
    for twin in (copied, pickled):
        assert twin.branch.path() == env.branch.path()
        assert twin.messages == env.messages == conversation(twin.branch)
        assert twin.seed == env.seed
        assert twin.step(call("look"))[0] == '{"error":"","response":5000}'
    assert env.depth == 5_000
    episode = env.episode(env.branch)
    assert copy.deepcopy(episode) == episode
    assert pickle.loads(pickle.dumps(episode)) == episode  # noqa: S301


def test_forks_of_forks_of_forks() -> None:
    env = begun()
    line = [env]
    for number in range(300):
        line.append(say(line[-1].fork(), str(number)))
    assert [each.depth for each in line] == list(range(301))
    assert words(line[-1].branch) == [str(number) for number in range(300)]
    assert words(line[150].branch) == [str(number) for number in range(150)]
    assert words(say(line[150], "x").branch)[-1] == "x"


def test_forks_are_rewarded_alike() -> None:
    env = ToolEnv([BOX], Answering(echo), reward=lambda branch: len(branch.path()))
    env.reset(seed=0)
    twin = env.fork()
    assert [twin.step("a")[1], env.step("b")[1], twin.step("c")[1]] == [1, 1, 2]
