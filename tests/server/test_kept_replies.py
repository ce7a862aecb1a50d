"""Kept replies change nothing but the time that an answer takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.servers import SHOP, WHOLE, call, recorded, serving, shop_call
from toolenv.apis import Identity
from toolenv.snapshots import Store

KEPT = "toolenv_kept_replies"


@pytest.mark.parametrize("options", [(), ("--keep-bytes", "0")])
def test_answers_are_the_same_whether_replies_are_kept(
    snapshot: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with serving(tmp_path, "--simulator", f"snapshot:{snapshot}", *options) as server:
        asked = [call(), call(tool_input={"query": "gone"}), call(tool_input="{"), call("none")]
        first, second = ([server.ask(one) for one in asked] for _ in range(2))
        assert [(r.http, r.body) for r in first] == [(r.http, r.body) for r in second]
        assert [r.headers["x-toolenv-status"] for r in second] == [
            "OK",
            "NOT_FOUND",
            "BAD_INPUT",
            "MISS",
        ]
        kept = 0 if options else 2  # hits alone
        assert f"{KEPT} {kept}\n" in server.get("/metrics").body.decode()


def test_nothing_is_kept_of_what_may_change(tmp_path: Path) -> None:
    later = Identity("later_for_t", "C", "t", "later")
    with (
        Store(tmp_path / "store") as store,
        serving(tmp_path, "--simulator", "store:store", *SHOP) as server,
    ):
        asked = call("later", "t", "C", {})
        assert server.ask(asked).headers["x-toolenv-status"] == "MISS"
        store.add(recorded(later, "{}", WHOLE))
        assert server.ask(asked).body.decode() == WHOLE
        for _ in range(2):
            assert server.ask(shop_call("buy", item="tea")).json["response"] == 1
        assert f"{KEPT} 0\n" in server.get("/metrics").body.decode()


def test_a_kept_reply_is_not_handed_out_without_the_token(snapshot: Path, tmp_path: Path) -> None:
    token = "known to few people"
    options = ("--simulator", f"snapshot:{snapshot}", "--token-variable", "TOKEN")
    with serving(tmp_path, *options, TOKEN=token) as server:
        shown = {"Authorization": f"Bearer {token}"}
        for _ in range(2):
            assert server.ask(call(), headers=shown).body.decode() == WHOLE
            assert server.ask(call()).http == 401
            assert server.ask(call(toolbench_key=token)).body.decode() == WHOLE
