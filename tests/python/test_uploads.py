# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that know files send an image: shutil, requests, and boto3 to a store that this test is itself."""
import hashlib
import http.server
import os
import re
import runpy
import shutil
import sys
import threading
import urllib.parse
from pathlib import Path

import pytest
import qcow2stream

EXAMPLE = Path(__file__).parents[2] / "examples" / "upload.py"


class Store:
    """What was put there, and how: a small part of S3."""

    def __init__(self):
        self.objects = {}
        self.metadata = {}
        self.parts = {}
        self.requests = []
        self.fail_once = False


class Handler(http.server.BaseHTTPRequestHandler):
    """PutObject, and uploads in parts."""

    protocol_version = "HTTP/1.1"
    store: Store

    def log_message(self, *_arguments):  # pylint: disable=arguments-differ
        pass

    def answer(self, body="", status=200, **headers):
        content = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def question(self):
        parts = urllib.parse.urlsplit(self.path)
        return urllib.parse.unquote(parts.path), dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def body(self):
        assert self.headers.get("Transfer-Encoding") is None, "the size is known"
        length = int(self.headers["Content-Length"])
        content = self.rfile.read(length)
        if len(content) != length:
            raise ConnectionAbortedError
        promised = self.headers.get("x-amz-content-sha256", "")
        if re.fullmatch("[0-9a-f]{64}", promised):
            assert promised == hashlib.sha256(content).hexdigest()
        return content

    def do_PUT(self):  # pylint: disable=invalid-name
        key, said = self.question()
        content = self.body()
        self.store.requests.append(("PUT", key, len(content)))
        if self.store.fail_once:
            self.store.fail_once = False
            self.answer("<Error><Code>SlowDown</Code></Error>", 503)
            return
        etag = '"' + hashlib.md5(content).hexdigest() + '"'
        if "partNumber" in said:
            self.store.parts[said["uploadId"]][int(said["partNumber"])] = (etag, content)
        else:
            self.store.objects[key] = content
        self.answer(ETag=etag)

    def do_POST(self):  # pylint: disable=invalid-name
        key, said = self.question()
        content = self.body()
        if "uploads" in said:
            upload = str(len(self.store.parts) + 1)
            self.store.parts[upload] = {}
            self.store.metadata[key] = self.headers.get("x-amz-meta-image-id")
            self.answer(
                f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
            return
        parts = self.store.parts.pop(said["uploadId"])
        listed = re.findall(r"<PartNumber>(\d+)</PartNumber>", content.decode())
        etags = [etag.replace("&quot;", '"') for etag in re.findall(r"<ETag>(.*?)</ETag>", content.decode())]
        assert sorted(map(int, listed)) == sorted(parts) and len(etags) == len(parts)
        assert {parts[number][0] for number in parts} == set(etags)
        self.store.objects[key] = b"".join(parts[number][1] for number in sorted(parts))
        self.answer('<CompleteMultipartUploadResult><ETag>"whole-1"</ETag></CompleteMultipartUploadResult>')


@pytest.fixture(name="served")
def _served(monkeypatch):
    """The store and its URL."""
    store = Store()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("OfTest", (Handler,), {"store": store}))
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name, value in {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "x",
                        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                        "no_proxy": "*"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield store, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def client(url):
    """That of boto3, for a store that is none of Amazon's."""
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (Debian: python3-boto3)")
    config = __import__("botocore.config").config.Config(s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=url, config=config)


@pytest.mark.parametrize("options", [{}, {"compress": "zstd"}])
def test_boto3_uploads_it_in_parts(disk, tool, served, options):
    store, url = served
    with qcow2stream.Image(disk, **options) as image:
        from boto3.s3.transfer import TransferConfig  # pylint: disable=import-outside-toplevel

        config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
        client(url).upload_fileobj(image, "backups", "vm.qcow2", Config=config)
    assert store.objects == {"/backups/vm.qcow2": tool(*(["--compress=zstd"] if options else []), disk)}
    assert not store.parts


def test_boto3_sends_a_part_again(disk, expected, served):
    store, url = served
    s3 = client(url)
    store.fail_once = True
    with qcow2stream.Image(disk) as image:
        s3.upload_fileobj(image, "backups", "vm.qcow2")
    assert store.objects["/backups/vm.qcow2"] == expected


def test_boto3_puts_it_at_once(disk, expected, served):
    store, url = served
    with qcow2stream.Image(disk) as image:
        client(url).put_object(Bucket="backups", Key="vm.qcow2", Body=image)
    assert store.objects["/backups/vm.qcow2"] == expected
    assert ("PUT", "/backups/vm.qcow2", len(expected)) in store.requests


def test_the_example_uploads_it(disk, expected, served, monkeypatch, capsys):
    pytest.importorskip("boto3", reason="boto3 is not installed (Debian: python3-boto3)")
    store, url = served
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr(sys, "argv", ["upload.py", str(disk), "backups", "vm.qcow2"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert store.objects["/backups/vm.qcow2"] == expected
    assert capsys.readouterr().err == f"{len(expected)} bytes\n"


def test_requests_puts_it(disk, expected, served):
    requests = pytest.importorskip("requests", reason="requests is not installed (Debian: python3-requests)")
    store, url = served
    with qcow2stream.Image(disk) as image:
        requests.put(f"{url}/backups/vm.qcow2", data=image, timeout=300).raise_for_status()
    assert store.objects["/backups/vm.qcow2"] == expected


def test_requests_puts_the_rest_of_it(disk, expected, served):
    requests = pytest.importorskip("requests", reason="requests is not installed (Debian: python3-requests)")
    store, url = served
    with qcow2stream.Image(disk) as image:
        image.seek(1000)
        requests.put(f"{url}/backups/rest", data=image, timeout=300).raise_for_status()
    assert store.objects["/backups/rest"] == expected[1000:]


def test_shutil_copies_it(disk, expected, tmp_path):
    with qcow2stream.Image(disk) as image, (tmp_path / "copy.qcow2").open("wb") as file:
        shutil.copyfileobj(image, file)
    assert (tmp_path / "copy.qcow2").read_bytes() == expected


def test_a_disk_that_changes_is_no_upload(disk, served):
    requests = pytest.importorskip("requests", reason="requests is not installed (Debian: python3-requests)")
    store, url = served
    with qcow2stream.Image(disk) as image:
        with disk.open("ab") as file:
            file.write(bytes(512))
        with pytest.raises(qcow2stream.ChangedError):
            requests.put(f"{url}/backups/vm.qcow2", data=image, timeout=300)
    assert not store.objects
