{{/* Everything below is named "modelfleet.*". Names and selectors never change within a major version. */}}

{{- define "modelfleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of every object's name. 54 characters and the longest suffix that must be a DNS label, "-operator", make 63. */}}
{{- define "modelfleet.fullname" -}}
{{- $name := include "modelfleet.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 54 | trimSuffix "-" -}}
{{- end -}}

{{- define "modelfleet.operator.fullname" -}}
{{- printf "%s-operator" (include "modelfleet.fullname" .) -}}
{{- end -}}

{{- define "modelfleet.serviceAccountName" -}}
{{- default (include "modelfleet.operator.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Of objects that belong to no component. */}}
{{- define "modelfleet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "modelfleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: modelfleet
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "modelfleet.operator.labels" -}}
{{ include "modelfleet.labels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Immutable in a Deployment. */}}
{{- define "modelfleet.operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "modelfleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "modelfleet.operator.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- $digest := .Values.image.digest -}}
{{- printf "%s%s" .Values.image.repository ($digest | empty | ternary (printf ":%s" $tag) (printf "@%s" $digest)) -}}
{{- end -}}

{{/* Of the gateway: Envoy pods that the operator configures. */}}
{{- define "modelfleet.gateway.fullname" -}}
{{- printf "%s-gateway" (include "modelfleet.fullname" .) -}}
{{- end -}}

{{- define "modelfleet.gateway.labels" -}}
{{ include "modelfleet.labels" . }}
app.kubernetes.io/component: gateway
{{- end -}}

{{/* Immutable in a Deployment. */}}
{{- define "modelfleet.gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "modelfleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{/* By tag for people, and by digest for the node when there is one. */}}
{{- define "modelfleet.gateway.image" -}}
{{- with .Values.gateway.image -}}
{{- printf "%s:%s%s" .repository .tag (.digest | empty | ternary "" (printf "@%s" .digest)) -}}
{{- end -}}
{{- end -}}

{{/* The smallest number of gateway pods; the operator divides what one engine takes by it. */}}
{{- define "modelfleet.gateway.replicas" -}}
{{- .Values.gateway.autoscaling.enabled | ternary .Values.gateway.autoscaling.minReplicas .Values.gateway.replicas -}}
{{- end -}}

{{/* Name, port and container port of what clients connect to: TLS alone where there is a certificate. */}}
{{- define "modelfleet.gateway.clientPort" -}}
{{- .Values.gateway.clientTls.secretName | empty | ternary "8080" "8443" -}}
{{- end -}}

{{- define "modelfleet.gateway.clientPortName" -}}
{{- .Values.gateway.clientTls.secretName | empty | ternary "http" "https" -}}
{{- end -}}

{{/* Four fifths of the memory limit; the rest is the program, its threads and the drain. Empty without a limit. */}}
{{- define "modelfleet.gateway.heapBytes" -}}
{{- $limit := dig "limits" "memory" "" .Values.gateway.resources -}}
{{- $text := kindIs "float64" $limit | ternary (printf "%d" (int64 (kindIs "float64" $limit | ternary $limit 0))) (toString $limit) -}}
{{- if $text -}}
  {{- if not (regexMatch "^[0-9]+([KMGT]i|[kMGT])?$" $text) -}}
    {{- fail (printf "`gateway.resources.limits.memory` must be a whole number of bytes, k, M, G, T, Ki, Mi, Gi or Ti, found %q: Envoy's own limits are derived from it" $text) -}}
  {{- end -}}
  {{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
  {{- $bytes := mul (regexFind "^[0-9]+" $text | int64) (get $units (regexFind "[KMGTki]*$" $text) | int64) -}}
  {{- div (mul $bytes 8) 10 -}}
{{- end -}}
{{- end -}}

{{/* What the operator serves to the gateway. */}}
{{- define "modelfleet.xds.fullname" -}}
{{- printf "%s-xds" (include "modelfleet.fullname" .) -}}
{{- end -}}

{{- define "modelfleet.xds.host" -}}
{{- printf "%s.%s.svc" (include "modelfleet.xds.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Of an OTLP endpoint: the port it names, or the protocol's own. */}}
{{- define "modelfleet.gateway.tracingPort" -}}
{{- $named := regexFind ":[0-9]+" (regexFind ":[0-9]+(/|$)" .) -}}
{{- $named | empty | ternary (hasPrefix "http:" . | ternary "4318" "4317") (trimPrefix ":" $named) -}}
{{- end -}}
