{{- /* A Job's spec from the values of one of the two Jobs; to be called with (list $ .Values.<job>). */ -}}
{{- define "shop.jobSpec" -}}
{{- $values := (index . 0).Values -}}
{{- $job := index . 1 -}}
spec:
  backoffLimit: {{ $job.backoffLimit }}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: {{ $values.image | quote }}
          imagePullPolicy: {{ $values.imagePullPolicy }}
          command: {{ toJson $job.command }}
{{- end -}}
