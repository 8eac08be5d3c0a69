"""A stand-in for a service, for tests of whatever starts and watches services.

GET /readyz says ready, /variables lists what it was told, /end/<code> ends it. It prints a line at start and at
SIGTERM.
"""

import http.server
import json
import os
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers of the stand-in."""

    def do_GET(self) -> None:
        if self.path.startswith("/end/"):
            os._exit(int(self.path.rpartition("/")[2]))
        told = {name: value for name, value in os.environ.items() if name.startswith("RENRAKUMO_")}
        body = json.dumps(told if self.path == "/variables" else {"ready": True}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def main() -> None:
    """Serve until SIGTERM."""
    if os.environ.get("RENRAKUMO_FAKE_REFUSES_SETTINGS"):
        print("Settings are not complete: RENRAKUMO_SOMETHING is not set", flush=True)
        sys.exit(78)

    def end(number: int, frame: object) -> None:
        print("asked to stop", flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("started", flush=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["RENRAKUMO_HEALTH_PORT"])), Handler)
    server.serve_forever()


if __name__ == "__main__":
    main()
