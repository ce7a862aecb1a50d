"""Answer files made by hand: grouping, endings, status codes, and episodes of any shape."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolenv.apis import API
from toolenv.conversations import observe
from toolenv.episodes import (
    ROOT,
    Call,
    Cost,
    Episode,
    FunctionCall,
    Message,
    Response,
    Status,
    Step,
    number_in_preorder,
)
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_answer, write_answer
from toolenv.jsontext import JsonValue
from toolenv.tasks import Task

Node = dict[str, Any]
FUNCTION: dict[str, JsonValue] = {
    "name": "f_for_t",
    "description": "",
    "parameters": {"type": "object"},
}


def node(kind: str, text: str = "", **more: Any) -> Node:
    return {"node_type": kind, "description": text, "expand_num": 0, "children": [], **more}


def pair(name: str = "f_for_t", text: str = "{}", code: int | None = 0, **more: Any) -> list[Node]:
    given = node("Action Input", text, observation="seen", **more)
    if code is not None:
        given["observation_code"] = code
    return [node("Action", name), given]


def chain_file(folder: Path, chains: list[list[Node]], **made: Any) -> Path:
    path = folder / "5_CoT@2.json"
    tries = [
        {"chain": [{**n, "depth": d} for d, n in enumerate(chain, 1)], "win": False}
        for chain in chains
    ]
    generation = {"query": "q", "function": [FUNCTION], **made}
    path.write_text(json.dumps({"trys": tries, "answer_generation": generation}))
    return path


def shape(episode: Episode) -> list[tuple[str, int]]:
    return [(step.message.content, len(step.calls)) for step in episode.steps]


def test_a_thought_belongs_to_the_pair_after_it(tmp_path: Path) -> None:
    chain = [node("Thought", "hm"), *pair(), *pair(), node("Thought", "so"), *pair()]
    assert shape(read_answer(chain_file(tmp_path, [chain]))) == [("hm", 1), ("", 1), ("so", 1)]


def test_query_count_tells_that_thoughts_are_messages(tmp_path: Path) -> None:
    chain = [node("Thought", "hm"), *pair(), node("Thought", "so"), *pair()]
    report = ReadReport()
    path = chain_file(tmp_path, [chain], query_count=4)
    read = read_answer(path, report=report)
    assert shape(read) == [("hm", 0), ("", 1), ("so", 0), ("", 1)]
    assert not report.found
    assert shape(read_answer(chain_file(tmp_path, [chain], query_count=2))) == [
        ("hm", 1),
        ("so", 1),
    ]
    read_answer(chain_file(tmp_path, [chain], query_count=3), report=report)
    assert report.found["answer file whose messages are not query_count in number"] == 1


def test_train_messages_tell_parallel_calls_and_ids(tmp_path: Path) -> None:
    end = '{"return_type": "give_answer", "final_answer": "a"}'
    chain = [node("Thought", "both"), *pair(text="{}"), *pair(text="[]"), *pair("Finish", end, 3)]
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f_for_t", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "f_for_t", "arguments": "[]"}},
    ]
    finish = {"id": "c", "type": "function", "function": {"name": "Finish", "arguments": end}}
    start = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    first = {"role": "assistant", "content": "both", "tool_calls": calls}
    results = [{"role": "tool", "tool_call_id": i, "name": "f", "content": "seen"} for i in "ab"]
    last = {"role": "assistant", "content": None, "tool_calls": [finish]}
    prefixes = [[*start, first], [*start, first, *results, last]]
    episode = read_answer(chain_file(tmp_path, [chain], train_messages=prefixes))
    assert shape(episode) == [("both", 2), ("", 1)]
    assert [call.id for step in episode.steps for call in step.calls] == ["a", "b", "c"]
    assert (episode.answer, episode.ended) == ("a", "answer")
    assert episode.steps[0].calls[1].arguments is None
    write_answer(episode, tmp_path / "copy" / "5_CoT@2.json")
    written = json.loads((tmp_path / "copy" / "5_CoT@2.json").read_text())
    assert written["answer_generation"]["train_messages"][0] == prefixes[0]
    assert written["answer_generation"]["train_messages"][1][-1] == last


def test_null_tool_calls_are_a_thought(tmp_path: Path) -> None:
    end = '{"return_type": "give_answer", "final_answer": "a"}'
    chain = [node("Thought", "hm"), *pair("Finish", end, 3)]
    finish = {"id": "c", "type": "function", "function": {"name": "Finish", "arguments": end}}
    prefix = [
        {"role": "assistant", "content": "hm", "tool_calls": None},
        {"role": "assistant", "content": "", "tool_calls": [finish]},
    ]
    path = chain_file(tmp_path, [chain], train_messages=[prefix[:1], prefix])
    assert shape(read_answer(path)) == [("hm", 0), ("", 1)]


def test_tries_are_branches_from_the_root(tmp_path: Path) -> None:
    end = '{"return_type": "give_answer", "final_answer": "a"}'
    episode = read_answer(chain_file(tmp_path, [[*pair()], [*pair(), *pair("Finish", end, 3)]]))
    assert [(s.parent, s.rank) for s in episode.steps] == [(ROOT, 0), (ROOT, 1), (1, 0)]
    assert (episode.chosen, episode.answer) == (2, "a")
    assert [s.responses[0].ordinal for s in episode.steps[:2]] == [0, 1]


def tree_file(folder: Path, children: list[Node], **more: Any) -> Path:
    path = folder / "5_DFS_woFilter_w2.json"
    made = {"query": "q", "function": [FUNCTION], "query_count": 0}
    tree = {"tree": node("Action Input", children=children)}
    path.write_text(json.dumps({"tree": tree, "answer_generation": made, **more}))
    return path


def hang(nodes: list[Node]) -> Node:
    for above, below in itertools.pairwise(nodes):
        above["children"] = [below]
    return nodes[0]


def test_expand_num_ends_a_message_of_a_tree(tmp_path: Path) -> None:
    nodes = [
        node("Thought", "both"),
        *pair(),
        *pair(expand_num=1),
        node("Thought", "only", expand_num=2),
        *pair(expand_num=3),
        node("Thought", "leaf"),
    ]
    episode = read_answer(tree_file(tmp_path, [hang(nodes)]))
    assert shape(episode) == [("both", 2), ("only", 0), ("", 1), ("leaf", 0)]


def test_a_tree_without_numbers_has_one_call_a_message(tmp_path: Path) -> None:
    nodes = [node("Thought", "hm"), *pair(), *pair()]
    assert shape(read_answer(tree_file(tmp_path, [hang(nodes)]))) == [("hm", 1), ("", 1)]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Action Input", "{}")],
        [node("Action", "f"), node("Action", "g"), node("Action Input", "{}")],
        [node("Action", "f"), node("Thought", "hm")],
        [node("Plan", "f")],
    ],
)
def test_nodes_out_of_order_are_malformed(nodes: list[Node], tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="5_DFS"):
        read_answer(tree_file(tmp_path, [hang([{**n, "children": []} for n in nodes])]))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, Status.OK),
        (7, Status.UNAUTHORISED),
        (8, Status.NOT_SUBSCRIBED),
        (5, Status.TIMEOUT),
        (12, Status.SEND_ERROR),
        (100, Status.API_ERROR),
        (None, Status.OK),
    ],
)
def test_codes_seven_and_eight_are_swapped(
    code: int | None, status: Status, tmp_path: Path
) -> None:
    episode = read_answer(tree_file(tmp_path, [hang(pair(code=code))]))
    assert episode.steps[0].responses[0].status is status
    if code in (7, 8):
        write_answer(episode, tmp_path / "copy.json", method="DFS_woFilter_w2")
        written = json.loads((tmp_path / "copy.json").read_text())
        leaf = written["tree"]["tree"]["children"][0]["children"][0]
        assert leaf["observation_code"] == code


def test_leaves_say_why_they_stopped(tmp_path: Path) -> None:
    gave_up = pair("Finish", '{"return_type": "give_up_and_restart"}', 4, pruned=True)
    bad_finish = pair("Finish", '{"final_answer": "torn', 2)
    leaves = [
        hang(pair(pruned=True, depth=12)),
        hang(pair(pruned=True, depth=3)),
        hang(pair(depth=3)),
        hang(gave_up),
        hang(bad_finish),
        node("Action", "f_for_t", depth=1),
    ]
    limits = {"single_chain_max_step": 12}
    episode = read_answer(tree_file(tmp_path, leaves, forward_args=limits))
    endings = ["limit:steps", "error:policy", "", "gave_up", "", ""]
    assert [step.ended for step in episode.steps] == endings
    torn = episode.steps[4].calls[0]
    assert (torn.function, torn.arguments, torn.text) == ("Finish", None, '{"final_answer": "torn')
    assert torn.invalid
    assert episode.steps[4].responses[0].status is Status.BAD_INPUT
    unanswered = episode.steps[5]
    assert unanswered.responses[0].status is Status.SIMULATOR_FAILED
    assert (episode.chosen, episode.ended) == (ROOT, "limit:steps")


WORDS = st.text(max_size=6)
ARGUMENTS = st.sampled_from(["{}", '{"q": 1}', "[]", "{torn", "", '{"q": "ü"}'])
LEAVES = ["", "limit:policy_calls", "limit:steps", "error:policy"]


@st.composite
def steps_of(draw: st.DrawFn, chains: bool) -> list[Step]:
    steps: list[Step] = []
    ranks: dict[int, int] = {}
    for number in range(draw(st.integers(1, 8))):
        previous = number - 1
        parent = draw(st.sampled_from([ROOT, previous] if chains else range(ROOT, number)))
        count = draw(st.integers(0, 3))
        names = draw(st.lists(st.sampled_from(["f_for_t", "gone"]), min_size=count, max_size=count))
        texts = draw(st.lists(ARGUMENTS, min_size=count, max_size=count))
        statuses = {"f_for_t": Status.NOT_SUBSCRIBED, "gone": Status.NO_SUCH_FUNCTION}
        responses = tuple(Response(draw(WORDS), statuses[name]) for name in names)
        message = Message(
            draw(WORDS),
            tuple(FunctionCall(name, text) for name, text in zip(names, texts, strict=True)),
        )
        calls = tuple(Call(c.name, None, None, c.arguments) for c in message.calls)
        seen = observe(calls, responses) if calls else ""
        steps.append(Step(parent, ranks.get(parent, 0), message, calls, responses, seen))
        ranks[parent] = ranks.get(parent, 0) + 1
    inner = {step.parent for step in steps}
    return [
        step if number in inner else step._replace(ended=draw(st.sampled_from(LEAVES)))
        for number, step in enumerate(steps)
    ]


def essence(step: Step) -> tuple[object, ...]:
    return (
        step.parent,
        step.rank,
        step.message.content,
        step.message.calls,
        [(call.text, call.api is None) for call in step.calls],
        [(response.text, response.status) for response in step.responses],
        step.observation,
        step.ended,
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(data=st.data(), method=st.sampled_from(["CoT@3", "DFS_woFilter_w2"]))
def test_any_episode_is_read_as_it_was_written(
    data: st.DataObject, method: str, tmp_path: Path
) -> None:
    steps, _ = number_in_preorder(data.draw(steps_of(chains=method == "CoT@3")))
    task = Task(id="5", instruction="q", apis=(API(name="f_for_t", function=FUNCTION),))
    episode = Episode(task, steps, cost=Cost(policy_calls=len(steps)))
    path = tmp_path / f"5_{method}.json"
    write_answer(episode, path, method=method)
    read = read_answer(path)
    known = [
        step._replace(
            calls=tuple(
                call._replace(api=read.task.apis[0].identity if call.function != "gone" else None)
                for call in step.calls
            )
        )
        for step in steps
    ]
    assert [essence(step) for step in read.steps] == [essence(step) for step in known]
    assert read.task.apis == task.apis


def test_a_tree_is_not_written_as_chains(tmp_path: Path) -> None:
    step = Step(ROOT, 0, Message("a"), (), (), "")
    steps = (step, step._replace(parent=0), step._replace(parent=0, rank=1))
    episode = Episode(Task(id="5", instruction="q"), steps)
    with pytest.raises(FormatError, match="DFS_woFilter_w2"):
        write_answer(episode, tmp_path / "5.json", method="CoT@1")
    write_answer(episode, tmp_path / "5.json")
    assert "tree" in json.loads((tmp_path / "5.json").read_text())


def test_writing_leaves_no_torn_file(tmp_path: Path) -> None:
    (tmp_path / "5.json").mkdir()
    with pytest.raises(FormatError, match="cannot be written"):
        write_answer(Episode(Task(id="5", instruction="q"), ()), tmp_path / "5.json")
    assert [path.name for path in tmp_path.iterdir()] == ["5.json"]
