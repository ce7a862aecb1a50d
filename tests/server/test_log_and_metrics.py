from __future__ import annotations

import re
from pathlib import Path

from tests.server.servers import Running, call, serving

KEY = "sk-not-for-anyone-else"


def keep_asking(server: Running) -> None:
    headers = {"toolbench_key": KEY, "Authorization": f"Bearer {KEY}", "Cookie": KEY}
    server.ask(call(toolbench_key=KEY, rapidapi_key=KEY), headers=headers)
    server.ask(call(api="unheard of", toolbench_key=KEY), headers=headers)
    server.ask(b'{"toolbench_key": "%b"' % KEY.encode(), headers=headers)
    server.get(f"/nowhere/{KEY}?key={KEY}", headers)


def test_the_log_has_a_line_per_call_without_bodies_and_keys(
    snapshot: Path, tmp_path: Path
) -> None:
    with serving(tmp_path, "--simulator", f"snapshot:{snapshot}") as server:
        keep_asking(server)
        assert server.stop() == 0
        lines = server.logged()
        assert KEY not in server.log.read_text()
    assert [line["event"] for line in lines] == [
        "ready",
        "request",
        "request",
        "request",
        "stopped",
    ]
    hit, miss, refused = lines[1:4]
    assert (hit["http"], hit["answer"], hit["source"]) == (200, "OK", "snapshot")
    assert (hit["category"], hit["tool"], hit["api"]) == ("Data", "seo_api", "search_it")
    assert (miss["answer"], miss["source"]) == ("MISS", "environment")
    assert refused["http"] == 400
    assert not {"arguments", "reply"} & set(hit)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line["time"]) for line in lines)


def test_bodies_are_logged_where_asked_for_and_keys_never(snapshot: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--simulator", f"snapshot:{snapshot}", "--log-bodies") as server:
        keep_asking(server)
        assert server.stop() == 0
        hit = server.logged()[1]
        assert KEY not in server.log.read_text()
    assert hit["arguments"] == '{"query": "tea"}'
    assert '"response": {"b": 1' in hit["reply"]


def test_requests_are_not_logged_where_not_wanted(snapshot: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--simulator", f"snapshot:{snapshot}", "--no-log-requests") as server:
        keep_asking(server)
        assert server.stop() == 0
        assert [line["event"] for line in server.logged()] == ["ready", "stopped"]


def test_metrics_count_by_status_and_source(snapshot: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--simulator", f"snapshot:{snapshot}") as server:
        for _ in range(3):
            server.ask(call())
        keep_asking(server)
        page = server.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in page.body.decode().splitlines() if line[0] != "#")
    counted = {name: value for name, value in values.items() if "requests_total" in name}
    assert counted == {
        'toolenv_requests_total{path="/virtual",status="200",answer="OK",source="snapshot"}': "4",
        'toolenv_requests_total{path="/virtual",status="200",answer="MISS",'
        'source="environment"}': "1",
        'toolenv_requests_total{path="/virtual",status="400",answer="",source=""}': "1",
        'toolenv_requests_total{path="other",status="404",answer="",source=""}': "1",
    }
    buckets = [
        int(value)
        for name, value in values.items()
        if name.startswith('toolenv_request_seconds_bucket{path="/virtual"')
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == int(values['toolenv_request_seconds_count{path="/virtual"}']) == 6
    assert float(values['toolenv_request_seconds_sum{path="/virtual"}']) > 0
    assert values["toolenv_requests_in_flight"] == "1"  # this one
    for name in ("requests_total", "request_seconds", "live_calls_in_flight", "episodes"):
        assert f"# TYPE toolenv_{name} " in page.body.decode()
