"""One client for every chat-completions server: what policies, simulators and judges ask."""

from toolenv.chat.client import ChatClient
from toolenv.chat.connections import LARGEST_REPLY
from toolenv.chat.errors import ChatError, ChatProblem
from toolenv.chat.messages import ChatReply, ChatRequest, read_reply

__all__ = [
    "LARGEST_REPLY",
    "ChatClient",
    "ChatError",
    "ChatProblem",
    "ChatReply",
    "ChatRequest",
    "read_reply",
]
