{{/* What the operator reads at its start: the platform team's choices for all fleets. */}}
{{- define "modelfleet.platform" -}}
catalogue:
  {{- toYaml .Values.catalogue | nindent 2 }}
network:
  enabled: {{ .Values.fleets.network.enabled }}
  allowedPeers:
    {{- include "modelfleet.platform.allowedPeers" . | nindent 4 }}
  clusterCidrs: {{ toJson .Values.fleets.network.clusterCidrs }}
  egressCidrs: {{ toJson .Values.fleets.network.egressCidrs }}
rollouts:
  maxConcurrentOperatorChanges: {{ .Values.rollouts.maxConcurrentOperatorChanges }}
podMonitors: {{ .Values.fleets.podMonitors }}
gateway:
  {{- include "modelfleet.platform.gateway" . | nindent 2 }}
{{- end -}}

{{- define "modelfleet.platform.gateway" -}}
enabled: {{ .Values.gateway.enabled }}
replicas: {{ include "modelfleet.gateway.replicas" . }}
secretNamespaces: {{ toJson .Values.secrets.namespaces }}
clientTls: {{ not (empty .Values.gateway.clientTls.secretName) }}
{{- with .Values.gateway }}
authRequired: {{ .auth.required }}
names: {{ toJson .names }}
allowedHosts: {{ toJson .external.allowedHosts }}
maxBodyBytes: {{ int64 .maxBodyBytes }}
accessLog: {{ toJson .accessLog }}
tracing: {{ toJson .tracing }}
tokenPrices: {{ toJson .tokenPrices }}
{{- end }}
{{- end -}}

{{/* The operator itself and its gateway, then the peers of the values in the order of their names. */}}
{{- define "modelfleet.platform.allowedPeers" -}}
- namespaceLabels:
    kubernetes.io/metadata.name: {{ .Release.Namespace }}
  podLabels:
    {{- include "modelfleet.operator.selectorLabels" . | nindent 4 }}
{{- if .Values.gateway.enabled }}
- namespaceLabels:
    kubernetes.io/metadata.name: {{ .Release.Namespace }}
  podLabels:
    {{- include "modelfleet.gateway.selectorLabels" . | nindent 4 }}
{{- end }}
{{- range $_, $peer := .Values.fleets.network.allowedPeers }}
- {{- toYaml $peer | nindent 2 }}
{{- end }}
{{- end -}}
