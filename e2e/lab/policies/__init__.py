"""
Enforcement of NetworkPolicies between the pods of the real node.

Test equipment: enough to prove that a policy keeps out what it must and lets in what it must. Packets between pods pass
the node's forward hook; what a pod says to the node itself (DNS, API server) and what the node says to a pod (probes)
is never filtered.
"""
