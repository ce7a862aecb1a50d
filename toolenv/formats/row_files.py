"""Tables of rows as Parquet, JSON Lines or saved ``datasets``: streamed, and the same bytes again.

What ``datasets`` reads of a ``json`` column are objects whose floats it rounds at the sixteenth
digit; a ``string`` column that holds JSON text keeps them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from toolenv.errors import ConfigurationError, FormatError
from toolenv.files import replacing
from toolenv.formats.row_columns import Columns, Kind, Scalar, row_fitter
from toolenv.jsontext import render

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowFormat", "WriteRow", "row_path", "write_rows", "writing_rows"]

RowFormat: TypeAlias = Literal["parquet", "jsonl", "datasets"]

WriteRow: TypeAlias = Callable[[Mapping[str, object]], None]

_BATCH_ROWS = 1_000
_BATCH_BYTES = 8 << 20
_GROUP_BYTES = 32 << 20


def row_path(folder: Path, table: str, format: RowFormat) -> Path:
    """Where a folder holds a table: a file, or a folder for ``datasets``.

    Example:
        >>> str(row_path(Path("out"), "steps", "parquet"))
        'out/steps.parquet'
    """
    return folder / (table if format == "datasets" else f"{table}.{format}")


def write_rows(
    rows: Iterable[Mapping[str, object]], path: Path, columns: Columns, format: RowFormat
) -> int:
    """Write all rows of a table; see ``writing_rows``.

    Returns:
        How many there are.
    """
    count = 0
    with writing_rows(path, columns, format) as write:
        for count, row in enumerate(rows, 1):  # noqa: B007  the last one is returned
            write(row)
    return count


@contextmanager
def writing_rows(path: Path, columns: Columns, format: RowFormat) -> Iterator[WriteRow]:
    r"""A table to write rows to, one by one; it takes its place when the block ends without error.

    Memory does not grow with the rows. In Parquet and ``datasets`` a lone surrogate, which their
    text cannot hold, is written as its escape.

    Args:
        path: The file, or the folder that ``datasets.load_from_disk`` reads; folders are made where
            absent, and a table that is there is replaced.
        columns: The columns, in order; a row that lacks one has None there.
        format: ``parquet`` (compressed with zstd), ``jsonl``, or ``datasets``.

    Yields:
        What writes a row.

    Raises:
        ConfigurationError: The format is unknown, or what it needs is not installed.
        FormatError: The place cannot be written, or holds something else; a row has another column
            or a value of another kind.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "calls.jsonl")
        ...     with writing_rows(path, {"name": "string", "arguments": "json"}, "jsonl") as write:
        ...         write({"name": "weather", "arguments": {"city": "Paris"}})
        ...     path.read_text()
        '{"name":"weather","arguments":{"city":"Paris"}}\n'
    """
    if format not in _WRITERS:
        raise ConfigurationError(
            f"Unknown format: {format!r}.", fix=f"Use one of {', '.join(_WRITERS)}."
        )
    try:
        with _WRITERS[format](path, columns) as write:
            yield write
    except OSError as error:
        raise FormatError(f"Cannot be written: {error}.", where=str(path)) from error
    except ImportError as error:
        raise ConfigurationError(
            f"{format} needs {error.name}, which is not installed.",
            fix=f"Install it with: pip install 'toolenv[{format}]'.",
        ) from error


@contextmanager
def _lines(path: Path, columns: Columns) -> Iterator[WriteRow]:
    fit = row_fitter(columns)
    with replacing(path) as new, new.open("wb") as file:

        def write(row: Mapping[str, object]) -> None:
            file.write(f"{render(fit(row))}\n".encode())

        yield write


@contextmanager
def _parquet(path: Path, columns: Columns) -> Iterator[WriteRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(columns)
    with replacing(path) as new, pq.ParquetWriter(new, schema, compression="zstd") as file:
        gathered: list[pa.RecordBatch] = []

        def flush() -> None:
            file.write_table(pa.Table.from_batches(gathered, schema))
            gathered.clear()

        def take(batch: pa.RecordBatch) -> None:
            gathered.append(batch)
            if sum(one.nbytes for one in gathered) >= _GROUP_BYTES:
                flush()

        with _batches(columns, take) as write:
            yield write
        if gathered:
            flush()


@contextmanager
def _saved(path: Path, columns: Columns) -> Iterator[WriteRow]:
    """What ``load_from_disk`` reads, saved by ``datasets`` itself from a stream on the disk."""
    import datasets
    import pyarrow as pa

    if path.is_dir() and any(path.iterdir()) and not (path / "state.json").exists():
        raise FormatError(
            "The folder holds something else than a saved dataset.",
            where=str(path),
            fix="Name another folder.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as place:
        stream, new = Path(place, "rows.arrow"), Path(place, "new")
        with (
            pa.ipc.new_stream(stream, _schema(columns)) as file,
            _batches(columns, file.write_batch) as write,
        ):
            yield write
        with stream.open("rb") as written:  # by default it is of the time of writing too
            digest = hashlib.file_digest(written, "sha256").hexdigest()[:16]
        with _without_progress():
            rows = datasets.Dataset.from_file(str(stream))
            named = datasets.Dataset(rows.data, rows.info, fingerprint=digest)
            named.save_to_disk(str(new), num_shards=None if len(rows) else 1)
        if path.exists():
            path.rename(Path(place, "old"))
        new.rename(path)


_WRITERS: Final[Mapping[str, Callable[[Path, Columns], AbstractContextManager[WriteRow]]]] = {
    "parquet": _parquet,
    "jsonl": _lines,
    "datasets": _saved,
}


@contextmanager
def _without_progress() -> Iterator[None]:
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


@contextmanager
def _batches(columns: Columns, take: Callable[[pa.RecordBatch], None]) -> Iterator[WriteRow]:
    """Rows gathered to Arrow's batches, each of so many rows or so many bytes of text."""
    import pyarrow as pa

    schema, plain = _schema(columns), _schema(columns, json=pa.string())
    rows: list[dict[str, object]] = []
    size = 0

    def as_stored(value: object, kind: Scalar) -> object:
        nonlocal size
        if kind == "json":
            value = render(value)
        if isinstance(value, str):
            value = value.encode("utf-8", "backslashreplace").decode()
            size += len(value)
        return value

    fit = row_fitter(columns, as_stored)

    def flush() -> None:
        nonlocal size
        take(pa.RecordBatch.from_pylist(rows, plain).cast(schema))
        rows.clear()
        size = 0

    def write(row: Mapping[str, object]) -> None:
        rows.append(fit(row))
        if len(rows) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            flush()

    yield write
    if rows:
        flush()


def _schema(columns: Columns, *, json: pa.DataType | None = None) -> pa.Schema:
    """The columns in Arrow's types.

    Args:
        columns: The columns.
        json: What ``json`` is: by default its type of JSON text, which plain text is cast to.
    """
    import pyarrow as pa

    text = pa.json_() if json is None else json

    def type_of(kind: Kind) -> pa.DataType:
        if isinstance(kind, list):
            return pa.list_(type_of(kind[0]))
        if isinstance(kind, Mapping):
            return pa.struct([(name, type_of(inner)) for name, inner in kind.items()])
        return text if kind == "json" else pa.type_for_alias(kind)

    return pa.schema([(name, type_of(kind)) for name, kind in columns.items()])
