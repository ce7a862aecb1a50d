"""What was published is served as it was recorded."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from tests.server.servers import serving
from toolenv.formats import ReadReport
from toolenv.snapshots import Snapshot, freeze, import_records

_CALLS = 300


@pytest.mark.parametrize("source", ["toolbench", "stabletoolbench"])
def test_every_recorded_call_is_answered_with_its_recording(
    data: Path, tmp_path: Path, source: str
) -> None:
    found = import_records([data / source], skip_bad=True, report=ReadReport())
    freeze(found, tmp_path / "calls.snap")
    with (
        Snapshot(tmp_path / "calls.snap") as snapshot,
        serving(tmp_path, "--simulator", "snapshot:calls.snap") as server,
    ):
        records = list(snapshot.records())
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for record in records[:: len(records) // _CALLS + 1]:
            # As their clients send it: a tree knows the API by its function's name alone.
            api, _, tool = record.identity.function.rpartition("_for_")
            fields = {
                "category": "",
                "tool_name": tool,
                "api_name": api,
                "tool_input": record.arguments,
                "strip": "truncate",
                "toolbench_key": "",
            }
            about = {"Content-Type": "application/json"}
            connection.request("POST", "/virtual", json.dumps(fields), about)
            reply = json.loads(connection.getresponse().read())
            possible = snapshot.lookup(record.identity, record.key)
            whole = [json.loads(one.text) for one in possible if _is_envelope(one.text)]
            cut = [one.text for one in possible]
            assert reply in whole or reply["response"] in cut, (record, reply)
        connection.close()


def _is_envelope(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and {"error", "response"} <= set(value)
