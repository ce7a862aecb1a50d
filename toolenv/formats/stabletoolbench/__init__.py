"""StableToolBench's files: the response cache and ToolEval's results."""
