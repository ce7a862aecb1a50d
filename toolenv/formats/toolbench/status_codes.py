"""``observation_code``, as ToolBench's code emits it, against its documented meaning.

Its code emits 7 for *unauthorised* and 8 for *not subscribed*, its documentation says the reverse.
``Status`` has the documented meanings, so the two are swapped on reading and swapped back on
writing. Codes of ours that ToolBench does not know are written as 12, a failure to send.
"""

from __future__ import annotations

from typing import Final

from toolenv.episodes import Status, status_of

__all__ = ["code_of_status", "status_of_code"]

_SWAPPED: Final = {7: 8, 8: 7}


def status_of_code(code: int) -> Status:
    """The status that a recorded code means; an unknown code is an error of the API.

    Example:
        >>> status_of_code(8).name
        'NOT_SUBSCRIBED'
    """
    return status_of(_SWAPPED.get(code, code)) if code <= Status.SEND_ERROR else Status.API_ERROR


def code_of_status(status: Status) -> int:
    """The code to record for a status.

    Example:
        >>> code_of_status(Status.NOT_SUBSCRIBED)
        8
    """
    code = int(status)
    return _SWAPPED.get(code, code) if code <= Status.SEND_ERROR else int(Status.SEND_ERROR)
