from __future__ import annotations

import pytest

from toolenv.episodes import Call, Response
from toolenv.server.named_episodes import NamedEpisode, NamedEpisodes
from toolenv.server.wanted import Refusal
from toolenv.tasks import Task

TASK = Task(id="served", instruction="")


def kept(limit: int = 2) -> NamedEpisodes:
    return NamedEpisodes(lambda: NamedEpisode(TASK, ()), limit, seconds=10)


def test_a_name_means_the_same_episode_until_it_has_been_idle() -> None:
    episodes = kept()
    first = episodes.get("a", 0)
    assert episodes.get("a", 9) is first
    assert episodes.get("a", 18) is first
    assert episodes.get("a", 29) is not first


def test_no_more_are_kept_than_may_be_and_none_is_dropped_for_another() -> None:
    episodes = kept()
    first = episodes.get("a", 0)
    episodes.get("b", 5)
    with pytest.raises(Refusal) as refusal:
        episodes.get("c", 9)
    assert refusal.value.http == 503
    assert episodes.get("a", 9) is first
    episodes.get("c", 16)  # b is forgotten by now
    assert len(episodes) == 2


@pytest.mark.parametrize("name", ["", "a" * 201])
def test_names_have_a_length(name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        kept().get(name, 0)
    assert refusal.value.http == 400


def test_the_path_grows_by_each_call_up_to_a_limit() -> None:
    episode = kept().get("a", 0)
    call = Call("f", {}, None, "{}")
    for number in range(1_000):
        episode.refuse_if_full()
        episode.note(call, Response(str(number)))
    assert [step.observation for step in episode.past.path()][:3] == ["0", "1", "2"]
    with pytest.raises(Refusal) as refusal:
        episode.refuse_if_full()
    assert refusal.value.http == 429
