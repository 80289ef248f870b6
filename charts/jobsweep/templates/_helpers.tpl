{{/* The name of everything: always with our own at its end, since Helm deletes what has a hook's name before it creates the
hook. A long release name is cut to leave room for what is appended, and hashed so that two never become one. */}}
{{- define "jobsweep.name" -}}
{{- $release := .Release.Name }}
{{- if gt (len $release) 43 }}
{{- $release = printf "%s-%s" (trunc 34 $release | trimSuffix "-") (sha256sum $release | trunc 8) }}
{{- end }}
{{- $release }}-jobsweep
{{- end }}

{{- define "jobsweep.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "jobsweep.name" .) }}
{{- end }}

{{/* A ClusterRole is not in a namespace, so its name says for which one it is. */}}
{{- define "jobsweep.roleName" -}}
{{- include "jobsweep.name" . }}{{ if eq .Values.scope "cluster" }}-{{ .Release.Namespace }}{{ end }}
{{- end }}

{{- define "jobsweep.labels" -}}
app.kubernetes.io/name: jobsweep
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The moments at which a hook Job runs: none with a schedule. */}}
{{- define "jobsweep.moments" -}}
{{- if not .Values.schedule }}{{ if eq .Values.when "both" }}before after{{ else }}{{ .Values.when }}{{ end }}{{ end }}
{{- end }}

{{- define "jobsweep.before" -}}pre-upgrade,pre-rollback{{- end }}
{{- define "jobsweep.after" -}}post-install,post-upgrade,post-rollback{{- end }}

{{/* The account and its rights are hooks too, before the first Job: so they are there on a first install, and on an
upgrade from a release without this chart, and Helm removes them when the Job has done its work. */}}
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
{{- with $values.logTail }}{{ $args = append $args (printf "--log-tail=%d" (int .)) }}{{ end }}
{{- if $values.failOnFailed }}{{ $args = append $args "--fail-on-failed" }}{{ end }}
{{- toYaml (concat $args $values.extraArgs) }}
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
    labels:
      {{- include "jobsweep.labels" .root | nindent 6 }}
      {{- with $values.podLabels }}{{ toYaml . | nindent 6 }}{{ end }}
    {{- with $values.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    serviceAccountName: {{ include "jobsweep.serviceAccountName" .root | quote }}
    restartPolicy: Never
    securityContext:
      runAsNonRoot: true
      runAsUser: 65532
      runAsGroup: 65532
      seccompProfile:
        type: RuntimeDefault
    {{- with $values.image.pullSecrets }}
    imagePullSecrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.priorityClassName }}
    priorityClassName: {{ . | quote }}
    {{- end }}
    {{- with $values.nodeSelector }}
    nodeSelector:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.tolerations }}
    tolerations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.affinity }}
    affinity:
      {{- toYaml . | nindent 6 }}
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
          {{- with $values.env }}{{ toYaml . | nindent 10 }}{{ end }}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
        {{- with $values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
{{- end }}
