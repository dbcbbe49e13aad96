#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: s3_parts.py DIRECTORY SMALLEST

Stands in for S3 where it takes a multipart upload by pre-signed URLs: PUT /part?partNumber=N and POST
/complete, on a port of this host that is written to DIRECTORY/port. A part needs a Content-Length, and only
the last one may have less than SMALLEST bytes. The object appears as DIRECTORY/object when it is completed
with the list of all its parts. Files in DIRECTORY make it fail: `fail-N` refuses part N as often as the
file has lines, `damage-N` changes a byte of it once, `fail-complete` answers with an error and status 200.
"""
import hashlib
import http.server
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree as xml

directory, smallest = pathlib.Path(sys.argv[1]), int(sys.argv[2])
parts = {}  # number -> bytes


def etag(data):
    return f'"{hashlib.md5(data).hexdigest()}"'


def taken(name):
    """Whether there is a file of this name; the next one who asks sees it with a line less."""
    file = directory / name
    if not file.exists():
        return False
    lines = file.read_text().splitlines()[1:]
    if lines:
        file.write_text("\n".join(lines))
    else:
        file.unlink()
    return True


class Bucket(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        url = urllib.parse.urlparse(self.path)
        number = int(urllib.parse.parse_qs(url.query)["partNumber"][0])
        if "Content-Length" not in self.headers or "Transfer-Encoding" in self.headers:
            self.answer(501)
            return
        announced = int(self.headers["Content-Length"])
        data = self.rfile.read(announced)
        if len(data) < announced or taken(f"fail-{number}"):
            self.close_connection = True
            self.answer(503)
            return
        if taken(f"damage-{number}"):
            data = bytes([data[0] ^ 1]) + data[1:]
        parts[number] = data
        self.answer(200, ETag=etag(data))

    def do_POST(self):
        wanted = xml.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        listed = [(int(part.findtext("PartNumber")), part.findtext("ETag")) for part in wanted]
        sizes = [len(parts.get(number, b"")) for number, _ in listed]
        if (taken("fail-complete") or listed != [(n, etag(parts[n])) for n in sorted(parts)]
                or any(size < smallest for size in sizes[:-1])):
            self.answer(200, b"<Error><Code>InternalError</Code></Error>")
            return
        (directory / "object").write_bytes(b"".join(parts[number] for number, _ in listed))
        parts.clear()
        self.answer(200, b"<CompleteMultipartUploadResult><Key>vm.qcow2</Key></CompleteMultipartUploadResult>")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
(directory / "port.new").write_text(str(server.server_port))
(directory / "port.new").rename(directory / "port")
server.serve_forever()
