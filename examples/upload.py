#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Uploads a disk as a qcow2 image to an object store, in parts and without a file: upload.py DISK BUCKET KEY

AWS_ENDPOINT_URL names a store that is not Amazon's.
"""
import os
import sys

import boto3
import qcow2stream

if len(sys.argv) != 4:
    sys.exit("usage: upload.py DISK BUCKET KEY")
_, disk, bucket, key = sys.argv
try:
    with qcow2stream.Image(disk) as image:
        print(f"{image.size} bytes", file=sys.stderr)
        store = boto3.client("s3", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
        store.upload_fileobj(image, bucket, key, ExtraArgs={"Metadata": {"image-id": image.id}})
except qcow2stream.Error as error:
    sys.exit(f"upload.py: {error}")
