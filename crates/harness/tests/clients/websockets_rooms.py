"""The websockets package on the socket of the AInfo rooms."""

import asyncio
import json
import os
import urllib.request

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

URL, KEY = os.environ["MARU_URL"], os.environ["MARU_KEY"]


def post(path, body):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request))


async def main():
    room = post("/chatbot/room/", {"title": "websockets"})
    address = f"{URL.replace('http', 'ws', 1)}/ws/chat/{room['id']}/"
    async with connect(f"{address}?token={KEY}") as socket:
        await socket.send(json.dumps({"message": "hello"}))
        text, frames = "", []
        while True:
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
            if "reply to: hello" in json.dumps(frames[-1], ensure_ascii=False):
                break
        assert frames
    try:
        async with connect(f"{address}?token=nobody"):
            raise AssertionError("let in")
    except InvalidStatus as refused:
        assert refused.response.status_code == 403, refused


asyncio.run(main())
print("done")
