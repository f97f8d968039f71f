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
# Ends with 1 if the behaviour is another one. What it needs: api-server.bash.
set -euo pipefail
source "$(dirname "$0")/api-server.bash"

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
