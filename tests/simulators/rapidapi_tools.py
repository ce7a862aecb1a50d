"""A tool folder as ToolBench's is, whose tool lives at a server of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API, Parameter
from toolenv.episodes import ROOT, Branch, FunctionCall, Response
from toolenv.jsontext import JsonValue, render
from toolenv.simulators import (
    Session,
)
from toolenv.tasks import Task

KEY = "r4pid-key-0123456789"

FORM = """
import requests
url = "https://x.p.rapidapi.com/form"
payload = "Text=hi&lang=en"
headers = {"content-type": "application/x-www-form-urlencoded", "X-RapidAPI-Key": "SIGN-UP"}
response = requests.post(url, data=payload, headers=headers)
"""
MIXED = """
import requests
url = "https://x.p.rapidapi.com/mixed"
querystring = {"Page": "1"}
payload = {"Title": "x"}
headers = {"content-type": "application/json", "X-Trace-Id": "7", "X-RapidAPI-Host": "x"}
response = requests.post(url, json=payload, headers=headers, params=querystring)
"""


def parameter(name: str, kind: str = "STRING") -> dict[str, object]:
    return {"name": name, "type": kind, "description": "", "default": ""}


def entry(name: str, path: str, method: str, *names: str, **more: object) -> dict[str, object]:
    return {
        "name": name,
        "url": path,
        "description": name,
        "method": method,
        "required_parameters": [],
        "optional_parameters": [parameter(one) for one in names],
        **more,
    }


ENTRIES = [
    entry("Search", "/search", "GET", "Search Query", "id", "X-Page", "tags[]"),
    entry("/teams/{teamId}/years/:year", "/teams/{teamId}/years/:year", "GET", "teamId", "year"),
    entry("Fixed", "/fixed?format=json", "GET", "q"),
    entry("Form", "/form", "POST", "Text", "lang", code=FORM),
    entry("Mixed", "/mixed", "POST", "Title", "Page", "X-Trace-Id", code=MIXED),
    entry("Remove", "/things/{id}", "DELETE", "id", "Why Not"),
    entry("Nowhere", "", "GET", "q"),
]


def write_tools(folder: Path, address: str, **more: object) -> Path:
    """A tool folder as ToolBench's is, whose tool lives at a server of ours."""
    (folder / "Sports").mkdir(parents=True)
    entries = [
        {**one, "url": f"http://{address}{one['url']}" if one["url"] else ""} for one in ENTRIES
    ]
    tool = {
        "tool_name": "Team Data!",
        "title": "Team Data",
        "host": address,
        "tool_description": None,
        **more,
        "api_list": entries,
    }
    (folder / "Sports" / "team_data.json").write_text(json.dumps(tool), encoding="utf-8")
    return folder


def make_task() -> Task:
    """A task as an instruction file has it: the same APIs, without addresses."""
    apis = [
        API(
            category="Sports",
            tool="Team Data!",
            name=str(one["name"]),
            method=str(one["method"]),
            parameters=tuple(
                Parameter(name=str(each["name"]))
                for each in one["optional_parameters"]  # type: ignore
            ),
        )
        for one in ENTRIES
    ]
    return Task(id="t", instruction="Find teams.", apis=tuple(apis))


NAMES = {api.name: name for name, api in make_task().named_apis.items()}


def ask(session: Session, name: str, arguments: dict[str, JsonValue]) -> Response | None:
    task = make_task()
    call = Resolver(task.named_apis).resolve(FunctionCall(NAMES[name], render(arguments)))
    return bridge.run(session.call(call, Branch(task, [], ROOT)))
