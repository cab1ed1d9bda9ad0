{{/* What everything is called. A StatefulSet's name has 52 characters at most, for its revisions are labels. */}}
{{- define "timeline.name" -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- .Values.fullnameOverride | default $whole | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "timeline.programs" -}}
{{- if .Values.programs }}{{ include "timeline.name" . }}-programs{{ else }}{{ .Values.programsFrom.configMap }}{{ end }}
{{- end }}

{{- define "timeline.tokens" -}}
{{- if .Values.tokens }}{{ include "timeline.name" . }}-tokens{{ else }}{{ .Values.tokensFrom.secret }}{{ end }}
{{- end }}

{{/* The key of a secret's tokens; one that the chart makes has its own. */}}
{{- define "timeline.tokensKey" -}}
{{- if .Values.tokens }}token{{ else }}{{ .Values.tokensFrom.key }}{{ end }}
{{- end }}

{{- define "timeline.account" -}}
{{- with .Values.serviceAccount }}{{ .name | default (ternary (include "timeline.name" $) "" .create) }}{{ end }}
{{- end }}

{{/* The command line, as a list. */}}
{{- define "timeline.args" -}}
{{- $args := list "serve" }}
{{- if .Values.programs }}
{{- range $file, $_ := .Values.programs }}
{{- if hasSuffix ".tl" $file }}{{ $args = append $args (print "/etc/timeline/" $file) }}{{ end }}
{{- end }}
{{- else if .Values.programsFrom.configMap }}
{{- range .Values.programsFrom.files }}{{ $args = append $args (print "/etc/timeline/" .) }}{{ end }}
{{- end }}
{{- range .Values.sources }}{{ $args = concat $args (list "--source" .) }}{{ end }}
{{- $state := ternary "/state" .Values.state (eq .Values.state "volume") }}
{{- $args = concat $args (list "--state" $state "--listen" "0.0.0.0:7171") }}
{{- with .Values.listen.pg }}{{ $args = concat $args (list "--listen-pg" (printf "0.0.0.0:%d" (int .))) }}{{ end }}
{{- with .Values.listen.flight }}{{ $args = concat $args (list "--listen-flight" (printf "0.0.0.0:%d" (int .))) }}{{ end }}
{{- if .Values.tls.secret }}
{{- $args = concat $args (list "--tls-cert" "/etc/timeline-tls/tls.crt" "--tls-key" "/etc/timeline-tls/tls.key") }}
{{- end }}
{{- concat (append $args "--wait-for-sources") (.Values.extraArgs | default list) | toYaml }}
{{- end }}

{{/* What the schema of the values cannot say, or not in a sentence. */}}
{{- define "timeline.check" -}}
{{- range .Values.sources }}
{{- if not (regexMatch "^([^:/=]+=)?(file:.|pulsar(\\+ssl)?://[^/]+/.)" .) }}
{{- fail (printf "sources: %s is no source: write [NAME=]pulsar://HOST:PORT/TOPIC or [NAME=]file:GLOB" .) }}
{{- end }}
{{- end }}
{{- if not (regexMatch "^(volume$|s3://[^/])" .Values.state) }}
{{- fail (printf "state: %s is no place: write s3://BUCKET/PREFIX, or volume for a claim of one processor alone" .Values.state) }}
{{- end }}
{{- if and (eq .Values.state "volume") (gt (int .Values.replicas) 1) }}
{{- fail (printf "replicas: %d processors cannot share a volume, which one alone mounts: say replicas=1, or keep the state in a bucket that all of them see, state=s3://BUCKET/PREFIX" (int .Values.replicas)) }}
{{- end }}
{{- if not (include "timeline.tokens" .) }}
{{- fail "tokens: others reach these processors, so they need tokens: name the secret that has them (tokensFrom.secret), or write them (tokens)" }}
{{- end }}
{{- $ports := prepend (values .Values.listen) 7171 }}
{{- if ne (len $ports) (len ($ports | join " " | splitList " " | uniq)) }}
{{- fail "listen: two listeners have one port: HTTP has 7171, each other one needs its own" }}
{{- end }}
{{- range .Values.extraArgs }}
{{- if regexMatch "^--(source|state|listen|listen-pg|listen-flight|tls-cert|tls-key|token-file|advertise|wait-for-sources)(=|$)" . }}
{{- fail (printf "extraArgs: %s is said by a value of the chart (sources, state, listen, tls, tokens) or by the chart itself: leave it out" .) }}
{{- end }}
{{- end }}
{{- if and .Values.programs (not (regexMatch "\\.tl( |$)" (keys .Values.programs | join " "))) }}
{{- fail "programs: none of these files is a program: their names end in .tl" }}
{{- end }}
{{- with .Values.serviceMonitor }}
{{- if and .enabled (not .tokenFrom.secret) (gt (len (regexFindAll "\\S+" ($.Values.tokens | default "") -1)) 1) }}
{{- fail "serviceMonitor.tokenFrom.secret: scrapes show one token, and there are lines of them: name a secret where that of a reader stands alone" }}
{{- end }}
{{- end }}
{{- end }}
