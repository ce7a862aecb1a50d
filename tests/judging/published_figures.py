"""Published figures of ToolBench and StableToolBench, as printed: rates in percent by split."""

from __future__ import annotations

from toolenv.judging.published_tables import TableRow


def rows(text: str) -> list[TableRow]:
    """One row a line: a name, the cells, and after a bar the average."""
    found = []
    for line in text.strip().splitlines():
        told, _, average = line.partition("|")
        name, *cells = told.split()
        found.append(TableRow(name, tuple(cells), average.strip()))
    return found


SPLITS = ("I1-inst", "I1-tool", "I1-cat", "I2-inst", "I2-cat", "I3-inst")

PASS_RATE = rows("""
react/Claude-2 5.5 3.5 5.5 6 6 14 | 6.8
react/Davinci-003 12 20 20 8.5 14.5 24 | 16.5
react/ChatGPT 41.5 44 44.5 42.5 46.5 22 | 40.2
react/ToolLLaMA 25 29 33 30.5 31.5 25 | 29
react/GPT4 53.5 50 53.5 67 72 47 | 57.2
dfsdt/Claude-2 20.5 31 18.5 17 20.5 28 | 22.6
dfsdt/Davinci-003 43.5 44 46 37 42 46 | 43.1
dfsdt/ChatGPT 54.5 65 60.5 75 71.5 62 | 64.8
dfsdt/ToolLLaMA 57 61 62 77 77 66 | 66.7
dfsdt/ToolLLaMA-Retriever 64 64 60.5 81.5 68.5 65 | 67.3
dfsdt/GPT4 60 71.5 67 79.5 77.5 71 | 71.1
""")

WIN_RATE = rows("""
react/Claude-2 31 27.8 33.8 35 31.5 47.5 | 34.4
react/Davinci 28.5 35.3 31 29.8 29.8 45 | 33.2
react/ToolLLaMA 45 42 47.5 50.8 41.8 55 | 47
react/GPT4 60 58.8 63.5 65.8 60.3 78 | 64.4
dfsdt/Claude-2 38 44.3 43.3 36.8 33.5 65 | 43.5
dfsdt/Davinci 40.3 43.8 46.8 40.5 43.3 63 | 46.3
dfsdt/ChatGPT 60.5 62 57.3 72 64.8 69 | 64.3
dfsdt/ToolLLaMA 55 55.3 54.5 68.5 58 69 | 60
dfsdt/ToolLLaMA-Retriever 62.3 59 55 68.5 60.8 73 | 63.1
dfsdt/GPT4 67.5 67.8 66.5 73.3 63.3 84 | 70.4
""")

SOPR = rows("""
cot/GPT-3.5-0613 52.2 47.3 53.6 42.5 35.8 48.1 | 46.6
dfs/GPT-3.5-0613 60.3 66.2 67.1 59.1 51.3 73.8 | 63.0
cot/GPT-4-0613 45.5 57.4 48.8 43.0 46.5 48.1 | 48.2
dfs/GPT-4-0613 57.3 57.3 60.9 57.9 51.3 66.4 | 58.5
cot/ToolLLaMA 51.8 53.1 46.4 51.6 48.9 37.2 | 48.2
dfs/ToolLLaMA 61.0 58.8 45.6 60.3 53.5 48.1 | 54.6
legacy-cot/ToolLLaMA 32.3 40.3 36.7 34.7 25.2 33.9 | 33.9
legacy-dfs/ToolLLaMA 44.5 49.6 48.9 50.8 31.9 53.6 | 46.6
cot/GPT-3.5-1106 50.4 45.1 50.8 48.7 42.1 55.7 | 48.8
dfs/GPT-3.5-1106 62.8 63.9 65.6 56.5 56.9 67.2 | 62.2
cot/GPT-4-Turbo 52.8 56.6 51.9 51.9 52.8 52.5 | 53.1
dfs/GPT-4-Turbo 59.2 61.7 65.7 55.6 55.2 66.1 | 60.6
""")

SOWR = rows("""
dfs/3.5-0613 60.7 67.3 59.5 63.2 62.1 75.4 | 64.7
cot/4-0613 54.6 58.8 58.2 75.5 60.5 62.3 | 61.7
dfs/4-0613 62.6 62.7 58.2 74.5 62.9 67.2 | 64.7
cot/ToolLLaMA 41.7 45.1 32.3 52.8 46.8 26.2 | 40.8
legacy-cot/ToolLLaMA 31.3 28.1 33.5 35.8 33.9 24.6 | 31.2
dfs/ToolLLaMA 42.3 51.0 31.0 67.0 54.0 31.1 | 54.0
legacy-dfs/ToolLLaMA 44.8 45.8 44.3 59.4 41.1 50.8 | 47.7
cot/3.5-1106 47.2 47.7 44.9 50.9 54.0 62.3 | 51.2
dfs/3.5-1106 55.8 53.6 51.9 68.9 59.7 68.9 | 59.8
cot/4-Turbo 71.2 77.1 61.4 79.2 71.8 67.2 | 71.3
dfs/4-Turbo 73.0 75.2 68.4 77.4 66.9 60.7 | 70.2
""")

MIRROR = rows("""
cot/ToolLLaMA 28.0 30.5 21.5 19.9 22.3 19.1 | 22.8
dfs/ToolLLaMA 28.4 32.5 22.2 22.8 19.2 18.6 | 22.9
cot/4o-mini 27.8 34.9 34.2 24.5 22.3 20.8 | 25.9
dfs/4o-mini 26.8 36.4 33.1 25.8 25.8 20.2 | 26.4
cot/4o 33.3 35.1 33.6 32.5 29.6 27.9 | 32.0
dfs/4o 32.7 42.3 34.6 32.8 28.3 23.0 | 30.9
""")

FAC = rows("""
cot/ToolLLaMA 45.4 38.6 34.2 40.3 37.7 31.1 | 37.9
dfs/ToolLLaMA 47.9 40.5 31.0 40.3 34.0 31.1 | 37.5
cot/4o-mini 42.3 39.9 38.0 44.4 36.8 36.1 | 39.6
dfs/4o-mini 46.0 43.8 44.3 41.1 34.9 34.4 | 40.8
cot/4o 45.4 43.8 44.3 54.0 45.3 32.8 | 44.3
dfs/4o 46.6 53.6 44.9 50.0 42.5 34.4 | 45.3
""")

# The human-against-judge tables of the discussion of ToolLLM.

JUDGE_PASS = rows("""
ChatGPT 54.5 65 60.5 75 71.5 62 | 64.8
ToolLLaMA 57 61 62 77 77 66 | 66.7
GPT4 60 71.5 67 79.5 77.5 71 | 71.1
""")

PEOPLE_PASS = rows("""
ChatGPT 50 60 63 70 68 52 | 60.5
ToolLLaMA 60 64 60 76 70 56 | 64.3
GPT4 64 66 64 76 76 62 | 68
""")

JUDGE_WIN = rows("ChatGPT 60.5 62 57.3 72 64.8 69 | 64.3")

PEOPLE_WIN = rows("ChatGPT 55 58 61 75 61.5 69 | 63.3")

REFERENCE_DFSDT = rows("""
Davinci-003 38 34 43 25 20 28 | 31.3
ToolLLaMA-Retriever 51 39 44 49 49 55 | 47.8
ToolLLaMA 43 42 46 55 46 50 | 47.0
""")

THREE_SPLITS = rows("""
ReACT 43.98 23.62 20.42 | 29.34
ReACT@N 50.80 36.14 32.87 | 39.94
DFSDT 54.10 47.35 44.80 | 48.75
""")
