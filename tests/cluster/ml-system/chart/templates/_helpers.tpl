{{- /* One Deployment of the API: (dict "root" $ "name" … "version" … "replicas" … "tag" …) */}}
{{- define "ml-system.deployment" }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels: {app: ml-api, version: {{ .version }}, app.kubernetes.io/managed-by: {{ .root.Release.Service }}}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: 10
  progressDeadlineSeconds: {{ .root.Values.api.progressDeadlineSeconds }}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: ml-api, version: {{ .version }}}}
  template:
    metadata:
      labels: {app: ml-api, version: {{ .version }}}
    spec:
      containers:
      - name: api
        image: {{ .root.Values.api.image.repository }}:{{ .tag }}
        ports: [{name: http, containerPort: 8000}]
        envFrom:
        - configMapRef: {name: ml-api}
        - secretRef: {name: api-keys}
        readinessProbe: {httpGet: {path: /health, port: http}}
        resources: {{- toYaml .root.Values.api.resources | nindent 10 }}
{{- end }}
