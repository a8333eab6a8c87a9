"""What is known of the cluster, compiled into what Envoy is served; the same on every replica."""
