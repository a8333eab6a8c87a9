{{/* What the operator may do in the namespaces it watches. */}}
{{- define "modelfleet.operator.rules" -}}
# What users declare is read, never written.
- apiGroups: [modelfleet.dev]
  resources: [cachepolicies, modeldeployments, routepolicies]
  verbs: [get, list, watch]
- apiGroups: [modelfleet.dev]
  resources: [cachepolicies/status, modeldeployments/status, routepolicies/status]
  verbs: [patch]
# The children of a fleet.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
# A fleet's size is applied to the scale subresource.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
# Why a pod does not serve. A loading pod that swallowed its SIGTERM is deleted once more, with a short grace period.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- if .Values.gateway.enabled }}
# Which of a fleet's pods take requests.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
