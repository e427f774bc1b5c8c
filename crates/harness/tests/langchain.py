"""Reads, with LangChain's own class, a room that maru has laid out in Redis: `langchain.py URL PREFIX SESSION_ID`.

Prints one JSON list of [type, content], the oldest first. Needs the packages langchain-community and redis.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")
from langchain_community.chat_message_histories import RedisChatMessageHistory  # noqa: E402

url, prefix, session = sys.argv[1:]
history = RedisChatMessageHistory(session_id=session, url=url, key_prefix=prefix)
print(json.dumps([[message.type, message.content] for message in history.messages]))
