#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ceph's object gateway as S3: the mounted image and the stream in the hands of awscli, rclone and boto3, plain ranges to
# URLs that were signed, a connection that breaks, and a disk that changes.
# shellcheck disable=SC2016  # the commands of --run have $image and $size in their environment
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh" || exit 1

need aws rclone curl jq qemu-img python3
disk_and_image disk.raw wanted
need_fuse disk.raw
mkdir at
export dir bucket=images-$$ # Ceph goes as a whole
s3 s3 mb "s3://$bucket" >/dev/null
stored() { # stored NAME: the object is the image
  s3 s3 cp --no-progress "s3://$bucket/$1" - | cmp - wanted || fail "$1 is not the image"
  s3 s3 rm "s3://$bucket/$1" >/dev/null
}
export -f s3
printf '[store]\ntype = s3\nprovider = Ceph\nenv_auth = true\nendpoint = %s\n' "$S3_ENDPOINT" >rclone.conf
export RCLONE_CONFIG=$dir/rclone.conf

copy='aws --endpoint-url "$S3_ENDPOINT" s3 cp --no-progress'
measured 'awscli, of the mounted image' "$tool" --mount at --run "$copy "'"$image" s3://$bucket/a' disk.raw
stored a
measured 'awscli, from the pipe' "$tool" --run "$copy "'- s3://$bucket/b --expected-size "$size"' disk.raw
stored b
measured 'qemu-img convert to a file, and awscli of that' sh -c \
  "qemu-img convert -f raw -O qcow2 disk.raw converted && stat -c %b converted >blocks && $copy converted s3://$bucket/c"
noted 'space that the file takes' "$(($(<blocks) / 2048)) MiB"
s3 s3 rm "s3://$bucket/c" >/dev/null
rm converted
measured 'rclone, of the mounted image' "$tool" --mount at --run 'rclone copyto "$image" store:$bucket/d' disk.raw
stored d
measured 'rclone, from the pipe' "$tool" --run 'rclone rcat --size "$size" store:$bucket/e' disk.raw
stored e
cat >send.py <<'END'
import os, sys, boto3
client = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"])
with open(sys.argv[1], "rb") as image:
    client.upload_fileobj(image, os.environ["bucket"], sys.argv[2])
END
measured 'boto3, of the mounted image' "$tool" --mount at --run 'python3 send.py "$image" f' disk.raw
stored f
# The image as an object of Python, without a mount: the program's library in the interpreter of the distribution.
cat >send-object.py <<'END'
import os, sys, boto3
from qcow2stream import Image
client = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"])
with Image(sys.argv[1]) as image:
    client.upload_fileobj(image, os.environ["bucket"], sys.argv[2])
END
build=$(dirname "$QCOW2_TO_STDOUT")/..
of_python=(env PYTHONPATH="$build/python" PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH="$build" QCOW2STREAM_LIBRARY_DIR="$build"
  /usr/bin/python3)
measured 'boto3, of the Python object' "${of_python[@]}" send-object.py disk.raw l
stored l

# The recipes.
run_recipe mount-s3 disk="$dir/disk.raw" endpoint="$S3_ENDPOINT" bucket="$bucket"
stored vm.qcow2
run_recipe mount-rclone disk="$dir/disk.raw" remote="store:$bucket"
stored vm.qcow2

# Plain ranges: a URL for each part.
part=$((64*M))
run_recipe parts-plan disk="$dir/disk.raw" part="$part"
cat >sign.py <<'END'
import os, sys, boto3
from botocore.config import Config
client = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], config=Config(signature_version="s3v4"))
where = {"Bucket": os.environ["bucket"], "Key": "g"}
where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
for number in range(1, int(sys.argv[1]) + 1):
    print(client.generate_presigned_url("upload_part", Params={**where, "PartNumber": number}))
print(client.generate_presigned_url("complete_multipart_upload", Params=where), file=sys.stderr)
END
python3 sign.py "$(grep -o '^[0-9]*' recipe.log)" >vm.urls 2>complete.url
run_recipe parts-send disk="$dir/disk.raw" part="$part" complete_url="$(<complete.url)"
stored g

# A connection that breaks in the middle: they go on.
broken() { # broken NAME COMMAND...
  local name=$1 proxy
  shift
  rm -f port
  python3 "$source_root/tests/integration/breaking-proxy.py" "${S3_ENDPOINT#http://}" $((integration_size / 5)) >port 2>proxy.log &
  proxy=$!
  at_exit end_process "$proxy"
  wait_for test -s port
  S3_ENDPOINT=http://127.0.0.1:$(<port) RCLONE_S3_ENDPOINT=http://127.0.0.1:$(<port) measured "$name, a connection breaks" "$@"
  grep -q broken proxy.log || fail "no connection was broken"
  end_process "$proxy"
}
broken 'awscli, of the mounted image' "$tool" --mount at --run "$copy "'"$image" s3://$bucket/h' disk.raw
stored h
broken 'awscli, from the pipe' "$tool" --run "$copy "'- s3://$bucket/i --expected-size "$size"' disk.raw
stored i
broken 'rclone, of the mounted image' "$tool" --mount at --run 'rclone copyto "$image" store:$bucket/j' disk.raw
stored j
broken 'boto3, of the mounted image' "$tool" --mount at --run 'python3 send.py "$image" k' disk.raw
stored k
broken 'boto3, of the Python object' "${of_python[@]}" send-object.py disk.raw m
stored m

# A disk that changes: each fails, and so do we, and no object is there.
changes() { # changes COMMAND: of --run
  local status=0
  "$tool" --mount at --limit-rate 100M --run "(sleep 2; touch disk.raw) & $1" disk.raw >change.log 2>&1 || status=$?
  [[ $status == 3 ]] || fail "status $status where the disk changed: $(<change.log)"
  grep -q 'changed while it was read' change.log || fail "said: $(<change.log)"
  ! s3 s3api head-object --bucket "$bucket" --key z >/dev/null 2>&1 || fail "there is an object: $1"
}
changes "$copy "'"$image" s3://$bucket/z; status=$?; [ $status != 0 ] || : >succeeded; exit $status'
changes 'rclone copyto --retries 1 "$image" store:$bucket/z; status=$?; [ $status != 0 ] || : >succeeded; exit $status'
changes 'python3 send.py "$image" z; status=$?; [ $status != 0 ] || : >succeeded; exit $status'
[[ ! -e succeeded ]] || fail "a program has not seen that the disk changed"
