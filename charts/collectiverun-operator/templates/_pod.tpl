{{- define "operator.image" -}}
{{- default (printf "collectiverun-operator:%s" .Chart.AppVersion) .Values.operator.image }}
{{- end }}

{{- define "trainer.image" -}}
{{- default (printf "collectiverun-trainer:%s" .Chart.AppVersion) .Values.trainer.image }}
{{- end }}

{{- /* What the Pod Security level "restricted" asks for. The image names the user. */ -}}
{{- define "operator.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* The operator's settings (operator_settings.py reads them). */ -}}
{{- define "operator.environment" -}}
- {name: COLLECTIVERUN_IMAGE, value: {{ include "trainer.image" . | quote }}}
- {name: COLLECTIVERUN_DEFAULT_RESOURCES, value: {{ .Values.defaultResources | default dict | toJson | quote }}}
- {name: COLLECTIVERUN_NAMESPACES, value: {{ join "," .Values.watchNamespaces | quote }}}
- {name: COLLECTIVERUN_LEASE_NAMESPACE, value: {{ include "operator.leaseNamespace" . | quote }}}
- {name: COLLECTIVERUN_LEASE_NAME, value: {{ include "operator.fullname" . | quote }}}
- {name: COLLECTIVERUN_HEALTH_PORT, value: {{ .Values.healthPort | quote }}}
- {name: COLLECTIVERUN_METRICS_PORT, value: {{ .Values.metricsPort | quote }}}
- {name: COLLECTIVERUN_LOG_FORMAT, value: {{ .Values.logFormat | quote }}}
{{- with .Values.pacing }}
- {name: COLLECTIVERUN_WORKERS, value: {{ .workers | quote }}}
- {name: COLLECTIVERUN_RESYNC_SECONDS, value: {{ .resyncSeconds | quote }}}
- {name: COLLECTIVERUN_FIGURES_SECONDS, value: {{ .figuresSeconds | quote }}}
- {name: COLLECTIVERUN_CANARY_SECONDS, value: {{ .canarySeconds | quote }}}
- {name: COLLECTIVERUN_STALE_SECONDS, value: {{ .staleSeconds | quote }}}
{{- end }}
{{- end }}
