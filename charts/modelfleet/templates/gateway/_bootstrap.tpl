{{/* Where the gateway's files are in its container; the operator's resources name the same paths. */}}
{{- define "modelfleet.gateway.config" -}}/etc/modelfleet/gateway{{- end -}}
{{- define "modelfleet.gateway.tls" -}}/etc/modelfleet/gateway-tls{{- end -}}
{{- define "modelfleet.gateway.clientTls" -}}/etc/modelfleet/client-tls{{- end -}}
{{- define "modelfleet.gateway.run" -}}/run/modelfleet{{- end -}}

{{/* Everything static about a gateway's Envoy. The rest comes over one stream of incremental ADS. */}}
{{- define "modelfleet.gateway.bootstrap" -}}
# The node's id is the pod's name, given on the command line.
admin:
  address:
    pipe: {path: {{ include "modelfleet.gateway.run" . }}/admin.sock, mode: 384} # 0600
application_log_config:
  log_format: {json_format: {time: "%Y-%m-%dT%T.%F", level: "%l", logger: "%n", message: "%j"}}
bootstrap_extensions:
  # Later tries of a request go over a listener inside Envoy.
  - name: envoy.bootstrap.internal_listener
    typed_config: {"@type": type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener}
cluster_manager:
  # The gateway's own pods: limits are shared over those that live.
  local_cluster_name: gateway
layered_runtime:
  layers:
    - name: static
      static_layer:
        # 64 users or teams of 253 characters take 16,076; Envoy's own limit is 100.
        re2.max_program_size.error_level: 20000
    - name: modelfleet-state # which state of the cluster this Envoy has seen
      rtds_layer:
        name: modelfleet-state
        rtds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
    - {name: admin, admin_layer: {}}
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
      - envoy_grpc:
          cluster_name: xds
          retry_policy: {retry_back_off: {base_interval: 0.1s, max_interval: 2s}}
  # No timeout: an Envoy without a configuration is not ready, however long that takes.
  cds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
  lds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
stats_config:
  # Only these tags are taken out of names, so that a new model costs few regular expressions.
  use_all_default_tags: false
  stats_tags:
    - {tag_name: envoy.cluster_name}
    - {tag_name: envoy.http_conn_manager_prefix}
    - {tag_name: envoy.response_code_class}
    - {tag_name: envoy.response_code}
  # Of what the operator's access log counts, in milliseconds; Envoy's own go to an hour in steps of little use.
  histogram_bucket_settings:
    - match: {suffix: ttft_ms}
      buckets: [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000]
    - match: {suffix: duration_ms}
      buckets: [50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 900000]
  stats_matcher:
    exclusion_list:
      patterns:
        # Dozens per cluster that nobody asks for.
        - {safe_regex: {regex: 'cluster\..*\.(circuit_breakers\.high|internal|canary|external|zone|http1|http2|update_.*|assignment_.*|bind_errors|default\.total_match_count|lb_zone_.*|lb_local_cluster_not_ok|lb_recalculate_zone_structures|init_fetch_timeout|max_host_weight|version)(\..*)?'}}
deferred_stat_options:
  enable_deferred_creation_stats: true # a model that nobody asks for costs no counters
overload_manager:
  refresh_interval: 0.05s # in a quarter of a second a fast network brings a fifth of the heap
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: {{ .Values.gateway.maxConnections }}
  {{- with include "modelfleet.gateway.heapBytes" . }}
    - name: envoy.resource_monitors.fixed_heap
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
        max_heap_size_bytes: {{ . }}
  # Bodies are held whole: those that take most of the memory end before anybody else is refused. See docs/gateway.md.
  buffer_factory_config: {minimum_account_to_track_power_of_two: 20}
  actions:
    - name: envoy.overload_actions.shrink_heap
      triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.7}}]
    # HTTP/2: the largest first, 128 MiB at 0.7 and 1 MiB at 0.875.
    - name: envoy.overload_actions.reset_high_memory_stream
      triggers: [{name: envoy.resource_monitors.fixed_heap, scaled: {scaling_threshold: 0.7, saturation_threshold: 0.9}}]
    - name: envoy.overload_actions.disable_http_keepalive
      triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.9}}]
    - name: envoy.overload_actions.stop_accepting_requests
      triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.95}}]
    - name: envoy.overload_actions.stop_accepting_connections
      triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.98}}]
  loadshed_points:
    # HTTP/1: any piece that arrives may end its request, and large bodies come in many.
    - name: envoy.load_shed_points.http1_server_abort_dispatch
      triggers: [{name: envoy.resource_monitors.fixed_heap, scaled: {scaling_threshold: 0.8, saturation_threshold: 1.0}}]
  {{- end }}
static_resources:
  listeners:
    # Health and metrics, and nothing else of the admin: Prometheus and the kubelet reach it, whatever the load.
    - name: health
      address: {socket_address: {address: 0.0.0.0, port_value: 8081}}
      ignore_global_conn_limit: true
      bypass_overload_manager: true
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: health
                common_http_protocol_options: {idle_timeout: 60s, max_connection_duration: 600s}
                route_config:
                  name: health
                  virtual_hosts:
                    - name: health
                      domains: ["*"]
                      routes:
                        - match: {path: /live}
                          direct_response: {status: 200}
                        {{- range list "/ready" "/stats/prometheus" }}
                        - match: {path: {{ . }}, headers: [{name: ":method", string_match: {exact: GET}}]}
                          route: {cluster: admin}
                        {{- end }}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
    - name: admin
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: admin
        endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: {{ include "modelfleet.gateway.run" . }}/admin.sock}}}}]}]
    - name: gateway
      type: EDS
      connect_timeout: 1s
      eds_cluster_config:
        service_name: gateway
        eds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 5s}
    # A headless Service: one address for each operator replica that is ready.
    - name: xds
      type: STRICT_DNS
      connect_timeout: 1s
      dns_refresh_rate: 2s
      load_assignment:
        cluster_name: xds
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: {{ include "modelfleet.xds.host" . }}, port_value: 18000}}}}]}]
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options:
              # Finds a replica that hangs in 7 s; without it never.
              connection_keepalive: {interval: 5s, timeout: 2s}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: modelfleet-operator
          common_tls_context:
            alpn_protocols: [h2]
            # Envoy's default maximum for a client is 1.2.
            tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
            tls_certificate_sds_secret_configs:
              - name: gateway-tls
                sds_config: {resource_api_version: V3, path_config_source: {path: {{ include "modelfleet.gateway.config" . }}/gateway-tls.yaml}}
            validation_context_sds_secret_config:
              name: operator-ca
              sds_config: {resource_api_version: V3, path_config_source: {path: {{ include "modelfleet.gateway.config" . }}/operator-ca.yaml}}
{{- end -}}

{{/* SDS of a certificate in a mounted Secret; arguments: name, directory. The kubelet replaces `..data` in it. */}}
{{- define "modelfleet.gateway.sds.certificate" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: {{ .name }}
    tls_certificate:
      certificate_chain: {filename: {{ .directory }}/tls.crt}
      private_key: {filename: {{ .directory }}/tls.key}
      watched_directory: {path: {{ .directory }}}
{{- end -}}

{{/* SDS of what the operator's certificate must be. */}}
{{- define "modelfleet.gateway.sds.authority" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: operator-ca
    validation_context:
      trusted_ca: {filename: {{ include "modelfleet.gateway.tls" . }}/ca.crt}
      watched_directory: {path: {{ include "modelfleet.gateway.tls" . }}}
      match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: modelfleet-operator}}]
{{- end -}}

{{/* Everything that Envoy reads at its start; a change rolls the gateway. */}}
{{- define "modelfleet.gateway.files" -}}
envoy.yaml: |
  {{- include "modelfleet.gateway.bootstrap" . | nindent 2 }}
drain.yaml: |
  {{- include "modelfleet.gateway.drain" . | nindent 2 }}
gateway-tls.yaml: |
  {{- include "modelfleet.gateway.sds.certificate" (dict "name" "gateway-tls" "directory" (include "modelfleet.gateway.tls" .)) | nindent 2 }}
operator-ca.yaml: |
  {{- include "modelfleet.gateway.sds.authority" . | nindent 2 }}
{{- if .Values.gateway.clientTls.secretName }}
client-tls.yaml: |
  {{- include "modelfleet.gateway.sds.certificate" (dict "name" "client-tls" "directory" (include "modelfleet.gateway.clientTls" .)) | nindent 2 }}
{{- end }}
{{- end -}}
