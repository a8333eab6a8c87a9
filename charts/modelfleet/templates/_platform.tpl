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
{{- end -}}

{{/* The operator itself, then the peers of the values in the order of their names. */}}
{{- define "modelfleet.platform.allowedPeers" -}}
- namespaceLabels:
    kubernetes.io/metadata.name: {{ .Release.Namespace }}
  podLabels:
    {{- include "modelfleet.operator.selectorLabels" . | nindent 4 }}
{{- range $_, $peer := .Values.fleets.network.allowedPeers }}
- {{- toYaml $peer | nindent 2 }}
{{- end }}
{{- end -}}
