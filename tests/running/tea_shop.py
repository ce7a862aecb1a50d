"""A shop of one API, tasks about it, and solutions of some of them."""

from __future__ import annotations

from toolenv.simulators.local import LocalSimulator, LocalTool
from toolenv.tasks import Check, Task

SHOP = LocalTool("Shopping", "Tea Shop", "Sells tea.")

PRICES = {"Sencha": 4.5, "Assam": 3.75, "Darjeeling": 6.25, "Oolong": 8.4}


@SHOP.api()
def price(tea: str) -> float:
    """What a tea costs, in euros.

    Args:
        tea: Its name.
    """
    return PRICES.get(tea, 0.0)


def shop() -> LocalSimulator:
    return LocalSimulator([SHOP])


def priced(number: int, check: Check | None) -> Task:
    tea = list(PRICES)[number % len(PRICES)]
    instruction = f"What does {tea} cost? ({number})"
    return Task(id=f"{number}", instruction=instruction, apis=tuple(SHOP.apis), check=check)
