# For scripts beside it, to be sourced: a kube-apiserver with etcd in a temporary folder, which end with the script.
# `ask METHOD PATH [TYPE BODY]` prints the HTTP code of a request; its answer is in answer.json.
#
# Needs Go (1.26 or newer), python3, openssl and curl. Both servers are built from their modules, pinned by go.mod and
# go.sum, in about 9 minutes of processor time, or taken from the folder KUBEBUILDER_ASSETS.
set -euo pipefail

modules=$(cd "$(dirname "${BASH_SOURCE[0]}")/../testbed/programs/modules" && pwd)
work=$(mktemp -d)
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

bin=${KUBEBUILDER_ASSETS:-$work/bin}
if [ ! -x "$bin/kube-apiserver" ]; then
    mkdir -p "$bin"
    export CGO_ENABLED=0 GOFLAGS="-modcacherw -buildvcs=false" GOPATH="$work/go" GOCACHE="$work/gocache"
    cp -r "$modules/kubernetes" "$modules/etcd" .
    (cd kubernetes && go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2" -o "$bin/" \
        k8s.io/kubernetes/cmd/kube-apiserver)
    (cd etcd && go build -ldflags "-s -w" -o "$bin/etcd" go.etcd.io/etcd/server/v3)
fi
"$bin/kube-apiserver" --version

port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
etcd=$(port) peer=$(port) api=$(port)
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
echo "secret,admin,admin,system:masters" >tokens.csv
"$bin/etcd" --data-dir=etcd --listen-client-urls="http://127.0.0.1:$etcd" --advertise-client-urls="http://127.0.0.1:$etcd" \
    --listen-peer-urls="http://127.0.0.1:$peer" --initial-advertise-peer-urls="http://127.0.0.1:$peer" \
    --initial-cluster="default=http://127.0.0.1:$peer" >etcd.log 2>&1 &
"$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd" --bind-address=127.0.0.1 --secure-port="$api" --cert-dir=certs \
    --service-account-issuer=https://localhost --service-account-key-file=sa.pub --service-account-signing-key-file=sa.key \
    --token-auth-file=tokens.csv --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 >api.log 2>&1 &

ask() {
    curl --silent --insecure --header "Authorization: Bearer secret" --output answer.json --write-out '%{http_code}\n' \
        --request "$1" ${3:+--header "Content-Type: $3" --data "$4"} "https://127.0.0.1:$api$2"
}
until [ "$(ask GET /readyz || true)" = 200 ]; do sleep 0.5; done

