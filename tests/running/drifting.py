"""A small world whose data change: two tasks' answers, one station's address, one API's errors."""

from __future__ import annotations

from typing import Any

from toolenv.agents.policies import ScriptPolicy
from toolenv.episodes import Status
from toolenv.jsontext import parse, render
from toolenv.simulators import ApiError, LocalSimulator, LocalTool
from toolenv.tasks import Check, Task

PRICES = {"tea": 3, "rye": 4, "oil": 9, "jam": 5}
LATER = {"tea": 3, "rye": 7, "oil": 9, "jam": 6}


def world(later: str = "") -> LocalSimulator:
    """The world; later on, where that is asked for."""
    prices = LATER if later else PRICES
    market = LocalTool("Shops", "Market", "Prices.")

    @market.api()
    def shelf(item: str) -> str:
        """Where an item is."""
        return f"{item}-new" if later and item == "oil" else f"{item}-1"

    @market.api()
    def price(shelf: str) -> int:
        """What lies on a shelf costs."""
        item, _, _ = shelf.partition("-")
        if item not in prices:
            raise ApiError(Status.NOT_FOUND, "No such shelf.")
        return prices[item]

    @market.api(changes_state=True)
    def buy(state: list[str], item: str) -> int:
        """Buy an item."""
        state.append(item)
        return len(state)

    return LocalSimulator([market], make_state=lambda task, seed: [], version=later or "early")


def tasks(later: str = "") -> list[Task]:
    """One task an item. What is true of rye changes and is known to; of jam, it is not known."""
    known = {**PRICES, "rye": LATER["rye"]} if later else PRICES
    return [
        Task(
            id=item,
            instruction=f"What does {item} cost?",
            apis=world().apis,
            check=Check(kind="number", value=known[item]),
            split="early" if item < "p" else "late",
        )
        for item in PRICES
    ]


def later_tasks() -> list[Task]:
    return tasks("later")


def _says(messages: Any, functions: Any, seed: int) -> Any:
    """Finds the shelf, then its price, then answers with it, whatever it is."""
    item = messages[1]["content"].split()[2]
    answers = [message["content"] for message in messages if message["role"] == "tool"]
    if not answers:
        return {"name": "shelf_for_market", "arguments": {"item": item}}
    body: Any = parse(answers[-1])
    if len(answers) == 1:
        return {"name": "price_for_market", "arguments": {"shelf": body["response"]}}
    final = {"return_type": "give_answer", "final_answer": render(body["response"])}
    return {"name": "Finish", "arguments": final}


def buyer() -> ScriptPolicy:
    return ScriptPolicy(_says, name="buyer")
