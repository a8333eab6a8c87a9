{{/* Values that contradict each other; a single value is checked by values.schema.json. */}}
{{- define "modelfleet.checks" -}}
{{- include "modelfleet.checks.image" . -}}
{{- include "modelfleet.checks.serviceAccount" . -}}
{{- include "modelfleet.checks.labels" . -}}
{{- include "modelfleet.checks.network" . -}}
{{- include "modelfleet.checks.gateway" . -}}
{{- end -}}

{{- define "modelfleet.checks.image" -}}
{{- if eq .Values.image.tag "latest" -}}
  {{- fail "`image.tag` must name a version, not \"latest\": with it two pods of one release may run different operators" -}}
{{- end -}}
{{- end -}}

{{- define "modelfleet.checks.serviceAccount" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
  {{- fail "`serviceAccount.name` must be set when `serviceAccount.create` is false: without it the operator would run as the namespace's default account" -}}
{{- end -}}
{{- end -}}

{{- define "modelfleet.checks.labels" -}}
{{- $own := list "helm.sh/chart" -}}
{{- range list "name" "instance" "version" "part-of" "managed-by" "component" -}}
  {{- $own = append $own (printf "app.kubernetes.io/%s" .) -}}
{{- end -}}
{{- range $value, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "gateway.podLabels" .Values.gateway.podLabels -}}
  {{- range $key, $_ := $labels -}}
    {{- if has $key $own -}}
      {{- fail (printf "`%s` must not contain %q: the chart sets that label itself, and selectors depend on it" $value $key) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "modelfleet.checks.network" -}}
{{- with .Values.fleets.network -}}
  {{- if and (not .enabled) .egressCidrs -}}
    {{- fail "`fleets.network.egressCidrs` must be empty when `fleets.network.enabled` is false: without a NetworkPolicy engines reach everything" -}}
  {{- end -}}
  {{- range $name, $peer := .allowedPeers -}}
    {{- if not (or $peer.namespaceLabels $peer.podLabels) -}}
      {{- fail (printf "`fleets.network.allowedPeers.%s` must have `namespaceLabels` or `podLabels`: without both it admits every pod of the cluster; remove it with null, or set `fleets.network.enabled` to false" $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "modelfleet.checks.gateway" -}}
{{- with .Values.gateway -}}
  {{- if hasSuffix "latest" .image.tag -}}
    {{- fail (printf "`gateway.image.tag` must name a version, found %q: the operator writes configuration for one version of Envoy" .image.tag) -}}
  {{- end -}}
  {{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) -}}
    {{- fail (printf "`gateway.autoscaling.maxReplicas` must be at least `minReplicas`, %d, found %d" (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) -}}
  {{- end -}}
  {{- if and .autoscaling.enabled (not (dig "requests" "cpu" "" .resources)) -}}
    {{- fail "`gateway.resources.requests.cpu` must be set when `gateway.autoscaling.enabled` is true: `targetCPUPercent` is a part of it" -}}
  {{- end -}}
  {{- range $name := list "loadBalancerClass" "loadBalancerSourceRanges" -}}
    {{- if and (get $.Values.gateway.service $name) (ne $.Values.gateway.service.type "LoadBalancer") -}}
      {{- fail (printf "`gateway.service.%s` must be empty when `gateway.service.type` is %q: only a LoadBalancer reads it" $name $.Values.gateway.service.type) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
