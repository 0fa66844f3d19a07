"""A connection that breaks while we read costs nothing; a change is asked for once, whatever becomes of the answer."""

import json
import socket
import struct
from threading import Thread

import pytest

from haulout.errors import ServiceUnavailable
from haulout.label_studio import LabelStudio

ANNA = {"id": 7, "email": "anna@haulout.test", "first_name": "Anna"}


class Breaking:
    """Answers like Label Studio, but resets the first connections while a request is on its way."""

    def __init__(self, resets: int, body: object) -> None:
        self.resets, self.asked = resets, 0
        self._body = json.dumps(body).encode()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.recv(65536)
            self.asked += 1
            if self.asked <= self.resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(self._body)}\r\n"
                connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + self._body)
            connection.close()


@pytest.fixture
def breaking():
    made: list[Breaking] = []

    def make(resets: int, body: object) -> Breaking:
        made.append(Breaking(resets, body))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_the_library_reads_is_read_again_when_the_connection_breaks(breaking):
    server = breaking(2, [ANNA])

    people = LabelStudio(server.url, "key").people()

    assert [(one.id, one.email) for one in people] == [(7, "anna@haulout.test")]
    assert server.asked == 3


def test_reading_gives_up_after_three_times_and_says_who_does_not_answer(breaking):
    server = breaking(9, [])

    with pytest.raises(ServiceUnavailable, match=server.url):
        LabelStudio(server.url, "key").people()

    assert server.asked == 3


def test_a_change_whose_answer_was_lost_is_not_asked_for_again(breaking):
    server = breaking(1, ANNA)

    with pytest.raises(ServiceUnavailable, match=server.url):
        LabelStudio(server.url, "key").ensure_user("anna@haulout.test")

    assert server.asked == 1
