"""ToolBench's files: instructions, tool documents, answer trees and converted answers."""
