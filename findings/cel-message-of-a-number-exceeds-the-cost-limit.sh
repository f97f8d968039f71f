#!/usr/bin/env bash
# Kubernetes: a CEL messageExpression that joins a number to a text is refused as a hundred times too expensive.
#
# Seen with kube-apiserver 1.37.2 and etcd 3.7.3 (also 1.34.4), default feature gates, November 2026.
#
# messageExpression "string(self.a)" of an integer is accepted. With a text joined to it, "string(self.a) + ' is too
# large'", the definition is refused with 422: "estimated messageExpression cost exceeds budget by factor of more than
# 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are
# declared)". There is no array, map or string in it that a bound could be given to, and the text of an integer has 20
# characters at most, but the estimate takes it for one of any length. Bounds on the integer (minimum, maximum) do not
# help either. What helps: "'%d is too large'.format([self.a])", which says the same and is accepted.
#
# Ends with 1 if the behaviour is another one. What it needs: api-server.bash.
set -euo pipefail
source "$(dirname "$0")/api-server.bash"

definition() { # NAME MESSAGE: a kind whose only rule has this messageExpression
    cat <<JSON
{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "$1s.example.com"},
 "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "$1", "plural": "$1s"},
  "versions": [{"name": "v1", "served": true, "storage": true,
   "schema": {"openAPIV3Schema": {"type": "object", "properties": {
     "spec": {"type": "object",
       "x-kubernetes-validations": [{"rule": "self.a < 5", "messageExpression": "$2"}],
       "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 9}}}}}}}]}}
JSON
}
crds=/apis/apiextensions.k8s.io/v1/customresourcedefinitions
number=$(ask POST "$crds" application/json "$(definition number "string(self.a)")")
joined=$(ask POST "$crds" application/json "$(definition joined "string(self.a) + ' is too large'")")
said=$(python3 -c 'import json; print(json.load(open("answer.json"))["message"][:220])')
formatted=$(ask POST "$crds" application/json "$(definition formatted "'%d is too large'.format([self.a])")")
echo "string(self.a): $number"
echo "string(self.a) + ' is too large': $joined, $said …"
echo "'%d is too large'.format([self.a]): $formatted"
[ "$number $joined $formatted" = "201 422 201" ]
