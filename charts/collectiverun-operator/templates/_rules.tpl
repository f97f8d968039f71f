{{- /* What the operator may do where it serves runs. tests/chart compares it with what the API server saw. */ -}}
{{- define "operator.rules" -}}
- apiGroups: [collectiverl.io]
  resources: [collectiveruns]
  verbs: [get, list, watch, delete]      # delete: spec.runPolicy.ttlSecondsAfterFinished
- apiGroups: [collectiverl.io]
  resources: [collectiveruns/status]
  verbs: [get, patch]
- apiGroups: [batch]
  resources: [jobs]
  # patch: a queue's labels, of Jobs that wait; deletecollection: finished ones of a phase that is done
  verbs: [get, list, watch, create, patch, delete, deletecollection]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods/log]                  # progress lines
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]                  # list: why a Job has no Pod
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]                 # why Kueue holds a Job
  verbs: [list]
- apiGroups: [visibility.kueue.x-k8s.io]
  resources: [localqueues/pendingworkloads]   # a Job's position in its queue
  verbs: [get]
- apiGroups: [coordination.k8s.io]
  resources: [leases]                    # the canary: seen wherever the operator watches, renewed in one place
  resourceNames: [{{ include "operator.fullname" . }}]
  verbs: [list, watch]
{{- end }}

{{- define "operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
