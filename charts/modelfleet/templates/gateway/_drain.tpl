{{/*
The second Envoy that preStop starts: the image has neither a shell nor a client for the admin's Unix socket, and a hook
over HTTP would let everybody who reaches the port drain the gateway. Its health check of its own listener is the clock.
*/}}
{{- define "modelfleet.gateway.drain" -}}
{{- $run := include "modelfleet.gateway.run" . -}}
admin:
  address:
    pipe: {path: {{ $run }}/drain.sock, mode: 384} # 0600
static_resources:
  listeners:
    - name: tick
      address: {pipe: {path: {{ $run }}/tick.sock, mode: 384}} # 0600
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: tick
                route_config:
                  name: tick
                  virtual_hosts:
                    - name: tick
                      domains: ["*"]
                      routes: [{match: {prefix: /}, direct_response: {status: 200}}]
                http_filters:
                  - name: envoy.filters.http.lua
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
                      default_source_code:
                        inline_string: |
                          {{- .Files.Get "files/drain.lua" | trim | nindent 26 }}
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
    - name: tick
      type: STATIC
      connect_timeout: 1s
      health_checks:
        - timeout: 10s
          interval: 1s
          no_traffic_interval: 1s
          # Until the listener is there.
          unhealthy_interval: 0.1s
          unhealthy_threshold: 1
          healthy_threshold: 1
          http_health_check: {path: /}
      load_assignment:
        cluster_name: tick
        endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: {{ $run }}/tick.sock}}}}]}]
    {{- range $name, $socket := dict "gateway" "admin.sock" "itself" "drain.sock" }}
    - name: {{ $name }}
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: {{ $name }}
        endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: {{ $run }}/{{ $socket }}}}}}]}]
    {{- end }}
{{- end -}}
