"""A server of pictures, as a website has one beside it: the files of a folder, for this machine.

python pictures.py FOLDER --port 8101
"""

import argparse
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Sends files."""

    def log_message(self, *told: object) -> None:
        """Requests are not told."""


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8101)
    options = parser.parse_args()
    handler = partial(Handler, directory=options.folder)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
