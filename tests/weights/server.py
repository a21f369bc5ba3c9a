"""A server on the loopback device, and what the tests of the registry ask of it."""

import hashlib
import time
from http.server import BaseHTTPRequestHandler

from dicface.cli.main import main

CONTENT = bytes(range(256)) * 400  # 102,400 bytes
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2
CHUNK = 1024


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files`; `server.cuts` says after how many bytes a path's next answers end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, path = self.server, self.path
        server.requests.append((path, self.headers.get("Range")))
        if path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in server.files:
            self.send_error(404)
            return
        content = server.files[path]
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        start, wanted = 0, self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag and server.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Type", server.types.get(path, "application/octet-stream"))
        if server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cuts = server.cuts.get(path, [])
        end = cuts.pop(0) if cuts else len(content)
        time.sleep(server.delay_s)
        if server.chunked:
            for at in range(start, end, CHUNK):
                self.wfile.write(b"%x\r\n%b\r\n" % (CHUNK, content[at : at + CHUNK]))
            self.wfile.write(b"0\r\n\r\n" if end == len(content) else b"")
        else:
            self.wfile.write(content[start:end])
        if end < len(content):
            self.close_connection = True

    def log_message(self, *args):
        pass


def run(capsys, *arguments):
    """Runs `dicface weights …`; returns its exit status and what it said."""
    status = main(["weights", *arguments])
    said = capsys.readouterr()
    return status, said.out + said.err


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())
