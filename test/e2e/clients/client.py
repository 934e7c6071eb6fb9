"""Follows docs/protocol.md and nothing else: token, connect, receive, ack, resume, upstream, AMQP."""
import json
import sys
import urllib.request

import pika
import websocket

base, key, amqp_url, prefix = sys.argv[1:5]


def call(path, body=None):
    request = urllib.request.Request(base + path, headers={"Authorization": "Bearer " + key})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    assert answer["result"] == 0, answer
    return answer["data"]


def push(content):
    return {
        "sendType": "UNICAST",
        "messageType": "SERVER_TO_CLIENT",
        "businessType": "order.status",
        "toUniqueId": "python-1",
        "content": content,
    }


def receive(socket, wanted):
    """The next frame that is `wanted`: an op, or None for a unified body."""
    while True:
        frame = json.loads(socket.recv())
        if frame.get("op") == wanted:
            return frame


def connect(url):
    return websocket.create_connection(url, subprotocols=["wirepost.v1"], timeout=10)


url = call("/websocket/token?uniqueId=python-1&clientType=APP")
socket = connect(url)
welcome = receive(socket, "welcome")
call("/websocket/push", push("by REST"))
body = receive(socket, None)
assert body["content"] == "by REST", body
socket.send(json.dumps({"op": "ack", "cursor": body["cursor"]}))

connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
channel = connection.channel()
channel.confirm_delivery()
channel.basic_publish(
    prefix + ".push",
    "order.status",
    json.dumps(push("by AMQP")).encode(),
    pika.BasicProperties(delivery_mode=2, message_id="python-amqp-1"),
    mandatory=True,
)
body = receive(socket, None)
assert body["content"] == "by AMQP" and body["messageId"] == "python-amqp-1", body

socket.close()
call("/websocket/push", push("while away"))
reconnect = url[: url.rindex("/") + 1] + welcome["reconnectToken"]
socket = connect(reconnect + "?cursor=" + body["cursor"])
assert receive(socket, "welcome")["resumed"] is True
body = receive(socket, None)
assert body["content"] == "while away", body

question = {
    "sendType": "UNICAST",
    "messageType": "CLIENT_TO_SERVER",
    "businessType": "qrcode.refresh",
    "messageId": "python-question-1",
}
socket.send(json.dumps(question))
accepted = receive(socket, "accepted")
assert accepted["messageId"] == "python-question-1", accepted
answer = receive(socket, None)
assert answer["correlationId"] == "python-question-1" and "code" in answer["content"], answer
print("python client: all as documented")
