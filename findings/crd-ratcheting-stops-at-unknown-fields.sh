#!/usr/bin/env bash
# Kubernetes: validation ratcheting does not hold for a CEL rule above a field of unknown fields.
#
# Seen with kube-apiserver 1.37.2 and etcd 3.7.3 (also 1.34.4), default feature gates, November 2026.
#
# A definition gets a CEL rule that an object which is stored already breaks. Ratcheting (stable since 1.33) lets such
# an object be updated as long as what the rule is about stays the same; its status can be written, its labels too.
# But if anywhere below the object that the rule stands at a value lies in a field that the schema does not describe
# (x-kubernetes-preserve-unknown-fields: a Pod template, for example), the server can't tell that nothing changed:
# EVERY update of the object is refused with 422, of its status as well, although only the rule's own field is wrong
# and neither was touched. A controller then can't even write down that the object is invalid. The documented list of
# what is not ratcheted does not name this case.
#
# What helps: a rule with optionalOldSelf that is silent while the fields it reads are as they were.
#
#   findings/crd-ratcheting-stops-at-unknown-fields.sh
#
# Needs Go (1.26 or newer), openssl and curl; builds both servers in a temporary folder, about 9 minutes of processor
# time, or takes those in KUBEBUILDER_ASSETS. Ends with 1 if the behaviour is another one.
set -euo pipefail

modules=$(cd "$(dirname "$0")/../tests/cluster/modules" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
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

ask() { # METHOD PATH [TYPE BODY]: prints the HTTP code; the answer is in answer.json
    curl --silent --insecure --header "Authorization: Bearer secret" --output answer.json --write-out '%{http_code}\n' \
        --request "$1" ${3:+--header "Content-Type: $3" --data "$4"} "https://127.0.0.1:$api$2"
}
until [ "$(ask GET /readyz || true)" = 200 ]; do sleep 0.5; done

definition() { # RULES: the schema's rules at spec
    cat <<JSON
{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "jobs.example.com"},
 "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Job", "plural": "jobs"},
  "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
   "schema": {"openAPIV3Schema": {"type": "object", "properties": {
     "spec": {"type": "object", $1 "properties": {
       "size": {"type": "integer"},
       "template": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
     "status": {"type": "object", "properties": {"state": {"type": "string"}}}}}}}]}}
JSON
}
crds=/apis/apiextensions.k8s.io/v1/customresourcedefinitions jobs=/apis/example.com/v1/jobs
ask POST "$crds" application/json "$(definition "")" >/dev/null
until [ "$(ask GET "$jobs")" = 200 ]; do sleep 0.5; done

job() { echo "{\"apiVersion\": \"example.com/v1\", \"kind\": \"Job\", \"metadata\": {\"name\": \"$1\"}, \"spec\": {\"size\": 9 $2}}"; }
ask POST "$jobs" application/json "$(job plain "")" >/dev/null
ask POST "$jobs" application/json "$(job templated ', "template": {"image": "a"}')" >/dev/null

# From now on a size of 9 is too large; both are stored with it. A new one shows when the rule is in force.
rule='"x-kubernetes-validations": [{"rule": "self.size < 5", "message": "too large"}],'
ask PATCH "$crds/jobs.example.com" application/merge-patch+json "$(definition "$rule")" >/dev/null
until [ "$(ask POST "$jobs?dryRun=All" application/json "$(job new "")")" = 422 ]; do sleep 0.5; done

status() { ask PATCH "$jobs/$1/status" application/merge-patch+json '{"status": {"state": "Rejected"}}'; }
plain=$(status plain)
templated=$(status templated)
said=$(python3 -c 'import json; print(json.load(open("answer.json"))["message"])')
echo "status of the object without a template: $plain"
echo "status of the object with a template of unknown fields: $templated, $said"
[ "$plain $templated" = "200 422" ]
