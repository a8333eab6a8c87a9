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
