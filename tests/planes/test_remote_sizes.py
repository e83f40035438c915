"""A server cannot send more than a metadata file can have."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from napari_axiswise.core.errors import PlaneError
from napari_axiswise.planes import remote

pytest.importorskip("aiohttp")


class _Endless(http.server.BaseHTTPRequestHandler):
    """Answers ``endless`` without an end and without its length, and everything else with a short text."""

    sent = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            if not self.path.endswith("endless"):
                self.wfile.write(b"{}")
                return
            while type(self).sent < 1 << 28:
                type(self).sent += self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/plate"
    server.shutdown()
    server.server_close()


def test_an_answer_without_an_end_is_refused_while_it_arrives(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LARGEST_DOCUMENT", 1 << 20)
    assert remote.read_files(address, ["zarr.json"]) == [b"{}"]
    with pytest.raises(PlaneError, match="larger than the limit"):
        remote.read_files(address, ["endless"])
    assert _Endless.sent < 1 << 26
