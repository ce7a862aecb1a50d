"""Readers and writers for the files that ToolBench and StableToolBench users have."""

from toolenv.formats.report import ReadReport, Skipped
from toolenv.formats.stabletoolbench.cache import CachedResponse, read_response_cache
from toolenv.formats.stabletoolbench.results import (
    PassResult,
    PreferenceResult,
    read_pass_results,
    read_pass_table,
    read_preference_results,
    read_preference_table,
    write_pass_results,
    write_pass_table,
    write_preference_results,
    write_preference_table,
)
from toolenv.formats.tasks import read_tasks, write_tasks
from toolenv.formats.toolbench.answer_writing import write_answer
from toolenv.formats.toolbench.answers import read_answer, recording_name
from toolenv.formats.toolbench.converted import read_converted
from toolenv.formats.toolbench.converted_writing import write_converted
from toolenv.formats.toolbench.functions import (
    Dialect,
    api_of_function,
    compatibility_function,
    compatibility_functions,
    read_function,
)
from toolenv.formats.toolbench.instructions import (
    read_instructions,
    read_query_ids,
    write_instructions,
)
from toolenv.formats.toolbench.tools import (
    ResponseExample,
    complete_tasks,
    read_response_examples,
    read_tools,
    safe_category,
    safe_stem,
    write_tools,
)

__all__ = [
    "CachedResponse",
    "Dialect",
    "PassResult",
    "PreferenceResult",
    "ReadReport",
    "ResponseExample",
    "Skipped",
    "api_of_function",
    "compatibility_function",
    "compatibility_functions",
    "complete_tasks",
    "read_answer",
    "read_converted",
    "read_function",
    "read_instructions",
    "read_pass_results",
    "read_pass_table",
    "read_preference_results",
    "read_preference_table",
    "read_query_ids",
    "read_response_cache",
    "read_response_examples",
    "read_tasks",
    "read_tools",
    "recording_name",
    "safe_category",
    "safe_stem",
    "write_answer",
    "write_converted",
    "write_instructions",
    "write_pass_results",
    "write_pass_table",
    "write_preference_results",
    "write_preference_table",
    "write_tasks",
    "write_tools",
]
