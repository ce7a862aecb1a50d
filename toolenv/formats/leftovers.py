"""What a record must keep of its source so that the source can be written again.

A reader gives the fields of a record a meaning; everything else a source entry holds (keys nobody
knows, an order of keys, a value in an unusual form, an absent key) is kept beside the fields, and
is put back on writing wherever the field has not been changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from toolenv.jsontext import JsonValue, render

__all__ = ["keep", "restore"]

SOURCE = "source"
"""The key of a record under which keys' order and unusual forms are kept."""


def keep(
    raw: Mapping[str, JsonValue], rebuilt: Mapping[str, JsonValue], fields: Collection[str]
) -> dict[str, JsonValue]:
    """What to keep beside a record's fields.

    Args:
        raw: The entry as read.
        rebuilt: The entry as it would be written from the record's fields alone.
        fields: The record's field names, which unknown keys must not shadow.

    Returns:
        Keys for the record: unknown ones under their own names, the rest under ``source``.
    """
    unknown: dict[str, JsonValue] = {}
    originals: dict[str, JsonValue] = {}
    as_read: dict[str, JsonValue] = {}
    for key, value in raw.items():
        if key in rebuilt:
            if render(value) != render(rebuilt[key]):
                originals[key], as_read[key] = value, rebuilt[key]
        elif key in fields or key == SOURCE:
            originals[key] = value
        else:
            unknown[key] = value
    as_read.update({key: value for key, value in rebuilt.items() if key not in raw})
    if originals or as_read or list(raw) != [*rebuilt, *unknown]:
        order: list[JsonValue] = list(raw)
        return {**unknown, SOURCE: {"keys": order, "originals": originals, "as_read": as_read}}
    return unknown


def restore(
    rebuilt: Mapping[str, JsonValue], kept: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The entry to write: the fields as they are now, with what was kept put back.

    Args:
        rebuilt: The entry as written from the record's fields alone.
        kept: The record's unknown keys, as ``keep`` made them.
    """
    source = kept.get(SOURCE)
    unknown = {key: value for key, value in kept.items() if key != SOURCE}
    if not isinstance(source, dict):
        return {**rebuilt, **unknown}
    originals, as_read, order = (source.get(part) for part in ("originals", "as_read", "keys"))
    originals = originals if isinstance(originals, dict) else {}
    as_read = as_read if isinstance(as_read, dict) else {}
    written: dict[str, JsonValue] = {}
    for key in dict.fromkeys(
        [*(str(key) for key in (order if isinstance(order, list) else [])), *rebuilt, *unknown]
    ):
        if key in rebuilt:
            unchanged = key in as_read and render(as_read[key]) == render(rebuilt[key])
            if not unchanged:
                written[key] = rebuilt[key]
            elif key in originals:
                written[key] = originals[key]
        elif key in originals:
            written[key] = originals[key]
        elif key in unknown:
            written[key] = unknown[key]
    return written
