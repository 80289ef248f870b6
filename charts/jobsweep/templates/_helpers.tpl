{{/* The value of app.kubernetes.io/name, and the end of every name. */}}
{{- define "jobsweep.name" -}}
{{- .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{/* The name of everything: always with our own at its end, since Helm deletes what has a hook's name before it creates the
hook. A long release name is cut to leave room for what is appended, and hashed so that two never become one. */}}
{{- define "jobsweep.fullname" -}}
{{- $name := include "jobsweep.name" . }}
{{- $release := .Release.Name }}
{{- $room := sub 51 (len $name) | int }}
{{- if gt (len $release) $room }}
{{- $release = printf "%s-%s" (trunc (sub $room 9 | int) $release | trimSuffix "-") (sha256sum $release | trunc 8) }}
{{- end }}
{{- .Values.fullnameOverride | default (printf "%s-%s" $release $name) }}
{{- end }}

{{- define "jobsweep.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "jobsweep.fullname" .) }}
{{- end }}

{{/* A ClusterRole is not in a namespace, so its name says for which one it is. */}}
{{- define "jobsweep.roleName" -}}
{{- include "jobsweep.fullname" . }}{{ if eq .Values.scope "cluster" }}-{{ .Release.Namespace }}{{ end }}
{{- end }}

{{/* The labels of the pod that no value changes. */}}
{{- define "jobsweep.selectorLabels" -}}
app.kubernetes.io/name: {{ include "jobsweep.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "jobsweep.ownLabels" -}}
{{ include "jobsweep.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "jobsweep.labels" -}}
{{- toYaml (merge (include "jobsweep.ownLabels" . | fromYaml) (.Values.commonLabels | default dict)) }}
{{- end }}

{{/* The metadata of an object with a name and annotations of its own, as YAML text. A ClusterRole says `cluster`. */}}
{{- define "jobsweep.metadata" -}}
name: {{ .name | quote }}
{{- if not .cluster }}
namespace: {{ .root.Release.Namespace | quote }}
{{- end }}
labels:
  {{- include "jobsweep.labels" .root | nindent 2 }}
{{- with merge (fromYaml .annotations) (.root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The moments at which a hook Job runs: none with a schedule. */}}
{{- define "jobsweep.moments" -}}
{{- if not .Values.schedule }}{{ if eq .Values.when "both" }}before after{{ else }}{{ .Values.when }}{{ end }}{{ end }}
{{- end }}

{{- define "jobsweep.before" -}}pre-upgrade,pre-rollback{{- end }}
{{- define "jobsweep.after" -}}post-install,post-upgrade,post-rollback{{- end }}

{{/* What a pod needs is a hook too, before the first Job: so it is there on a first install, and on an upgrade from a release
without this chart, and Helm removes it when the Job has done its work. */}}
{{- define "jobsweep.accessAnnotations" -}}
{{- if not .Values.schedule }}
{{- $events := list }}
{{- range splitList " " (include "jobsweep.moments" .) }}{{ $events = append $events (include (printf "jobsweep.%s" .) $) }}{{ end -}}
helm.sh/hook: {{ join "," $events }}
helm.sh/hook-weight: "-1000001"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
{{- end }}

{{- define "jobsweep.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The arguments as a YAML list; `moment` is before, after or schedule. */}}
{{- define "jobsweep.args" -}}
{{- $values := .root.Values }}
{{- $args := list "--cleanup" }}
{{- if eq .moment "before" }}{{ $args = concat $args (list "--once" "--before-hook-creation") }}{{ end }}
{{- if eq .moment "schedule" }}{{ $args = concat $args (list "--once" (printf "--finished-for=%ds" (int $values.finishedForSeconds))) }}{{ end }}
{{- if kindIs "invalid" $values.timeoutSeconds }}{{ $args = append $args "--timeout=none" }}
{{- else }}{{ $args = append $args (printf "--timeout=%ds" (int $values.timeoutSeconds)) }}{{ end }}
{{- if eq $values.scope "release" }}{{ $args = append $args (printf "--release=%s" .root.Release.Name) }}{{ end }}
{{- if eq $values.scope "cluster" }}{{ $args = append $args "--all-namespaces" }}{{ end }}
{{- with $values.selector }}{{ $args = append $args (printf "--selector=%s" .) }}{{ end }}
{{- $args = append $args (printf "--log-tail=%d" (int $values.logTail)) }}
{{- if $values.failOnFailed }}{{ $args = append $args "--fail-on-failed" }}{{ end }}
{{- toYaml (concat $args $values.extraArgs) }}
{{- end }}

{{/* Meshes inject by a label or an annotation: those of Istio, Kuma, Linkerd, Consul and Flomesh, in this order. */}}
{{- define "jobsweep.podMetadata" -}}
{{- $labels := merge (include "jobsweep.ownLabels" . | fromYaml) (.Values.podLabels | default dict) (.Values.commonLabels | default dict) }}
{{- $annotations := merge (dict) (.Values.podAnnotations | default dict) (.Values.commonAnnotations | default dict) }}
{{- if .Values.meshOptOut }}
{{- $labels = merge $labels (dict "sidecar.istio.io/inject" "false" "kuma.io/sidecar-injection" "disabled") }}
{{- $annotations = merge $annotations (dict "sidecar.istio.io/inject" "false" "linkerd.io/inject" "disabled" "consul.hashicorp.com/connect-inject" "false" "flomesh.io/sidecar-injection" "disabled") }}
{{- end -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What a Job and a CronJob's Jobs have in common. It is the spec that `jobsweep --inject-cleanup` writes: a test compares them. */}}
{{- define "jobsweep.jobSpec" -}}
{{- $values := .root.Values -}}
{{- if not (kindIs "invalid" $values.timeoutSeconds) -}}
activeDeadlineSeconds: {{ add $values.timeoutSeconds 300 }}
{{ end -}}
backoffLimit: 3
podFailurePolicy:
  rules:
    # A crash is worth another try. Wrong usage, a failed Job, the timeout or a missing permission is not.
    - action: FailJob
      onExitCodes:
        containerName: jobsweep
        operator: In
        values: [2, 3, 4, 5]
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
template:
  metadata:
    {{- include "jobsweep.podMetadata" .root | nindent 4 }}
  spec:
    serviceAccountName: {{ include "jobsweep.serviceAccountName" .root | quote }}
    automountServiceAccountToken: true
    restartPolicy: Never
    {{- with $values.podSecurityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.priorityClassName }}
    priorityClassName: {{ . | quote }}
    {{- end }}
    {{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
    {{- with index $values $field }}
    {{ $field }}:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
    containers:
      - name: jobsweep
        image: {{ include "jobsweep.image" .root | quote }}
        {{- with $values.image.pullPolicy }}
        imagePullPolicy: {{ . }}
        {{- end }}
        args:
          {{- include "jobsweep.args" . | nindent 10 }}
        env:
          # So that it does not wait for itself.
          - name: JOBSWEEP_OWN_JOB_UID
            valueFrom:
              fieldRef:
                fieldPath: metadata.labels['batch.kubernetes.io/controller-uid']
          {{- with $values.extraEnv }}{{ toYaml . | nindent 10 }}{{ end }}
        {{- with $values.securityContext }}
        securityContext:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- with $values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
{{- end }}
