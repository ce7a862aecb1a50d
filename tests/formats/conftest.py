from typing import Any

import pytest


@pytest.fixture
def entry() -> dict[str, Any]:
    """A well-formed entry of an instruction file."""
    return {
        "api_list": [
            {
                "category_name": "Data",
                "tool_name": "SEO API",
                "api_name": "Search",
                "api_description": "Searches.",
                "required_parameters": [
                    {"name": "q", "type": "STRING", "description": "What", "default": "x"}
                ],
                "optional_parameters": [
                    {"name": "limit", "type": "NUMBER", "description": "", "default": "10"}
                ],
                "method": "GET",
                "template_response": {"hits": ["list of str with length 3"]},
            }
        ],
        "query": "Find it.",
        "relevant APIs": [["SEO API", "Search"]],
        "query_id": 7,
    }
