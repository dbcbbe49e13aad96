#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ends of a multipart upload to S3 whose parts other machines send.

multipart.py begin FOLDER BUCKET KEY PART-SIZE    begins it, and signs a URL for each part
multipart.py complete FOLDER                      completes it if all parts are there and right
multipart.py abort FOLDER

FOLDER has `image.json`, what `--measure=json` says, and gets `upload.json`. Whoever sends parts needs
no key, only their URLs. $S3_ENDPOINT is the store, if it is not Amazon's.
"""

import json
import os
import pathlib
import sys

import boto3
from botocore.config import Config

MOST_PARTS = 10000            # S3's limits
LEAST_PART = (5 << 20) + (64 << 10)
VALID = 7 * 24 * 3600         # seconds


def client():
    return boto3.client("s3", endpoint_url=os.environ.get("S3_ENDPOINT"),
                        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def load(path):
    return json.loads(path.read_text("utf-8"))


def begin(folder, bucket, key, part_size):
    size = load(folder / "image.json")["required"]
    if part_size < LEAST_PART:
        sys.exit(f"a part has at least {LEAST_PART} bytes")
    parts = max(1, size // part_size)
    if parts > MOST_PARTS:
        sys.exit(f"{parts} parts are too many: make them larger")
    s3 = client()
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    urls = [s3.generate_presigned_url(
        "upload_part", ExpiresIn=VALID,
        Params={"Bucket": bucket, "Key": key, "UploadId": upload, "PartNumber": number})
        for number in range(1, parts + 1)]
    told = {"bucket": bucket, "key": key, "upload": upload, "parts": parts, "urls": urls}
    (folder / "upload.json").write_text(json.dumps(told), "utf-8")
    (folder / "parts").mkdir()


def stored_parts(s3, told):
    """What the store has: {number: (ETag, size)}."""
    pages = s3.get_paginator("list_parts").paginate(
        Bucket=told["bucket"], Key=told["key"], UploadId=told["upload"])
    return {part["PartNumber"]: (part["ETag"].strip('"'), part["Size"])
            for page in pages for part in page.get("Parts", [])}


def complete(folder):
    told, size = load(folder / "upload.json"), load(folder / "image.json")["required"]
    s3 = client()
    stored = stored_parts(s3, told)
    total, chosen = 0, []
    for number in range(1, told["parts"] + 1):
        try:
            sent = load(folder / "parts" / f"{number}.json")
        except FileNotFoundError:
            sys.exit(f"part {number} was not sent")
        if stored.get(number) != (sent["md5"], sent["size"]):
            sys.exit(f"part {number} is not in the store as it was sent")
        total += sent["size"]
        chosen.append({"PartNumber": number, "ETag": f'"{sent["md5"]}"'})
    if total != size:
        sys.exit(f"the parts have {total} bytes, and the image {size}")
    where = {"Bucket": told["bucket"], "Key": told["key"]}
    s3.complete_multipart_upload(**where, UploadId=told["upload"],
                                 MultipartUpload={"Parts": chosen})
    if s3.head_object(**where)["ContentLength"] != size:
        sys.exit("the object is not as long as the image")


def abort(folder):
    told = load(folder / "upload.json")
    client().abort_multipart_upload(Bucket=told["bucket"], Key=told["key"],
                                    UploadId=told["upload"])


def main():
    match sys.argv[1:]:
        case ["begin", folder, bucket, key, part_size]:
            begin(pathlib.Path(folder), bucket, key, int(part_size))
        case ["complete", folder]:
            complete(pathlib.Path(folder))
        case ["abort", folder]:
            abort(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
