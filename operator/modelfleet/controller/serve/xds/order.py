"""
Make before break: what is referred to comes first, what is no longer referred to leaves last.

Nothing waits inside a stage. Envoy acknowledges new clusters only once they are warm, and they get warm by their
endpoints: a server that waits between the two waits for ever (measured with Envoy 1.40).
"""

from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, LDS, RDS, RTDS, SDS, SRDS

STAGES = ((CDS, EDS, SDS), (LDS, ECDS, RDS, SRDS))
"""Additions and changes go in this order."""
REMOVALS = tuple(reversed([type_url for stage in STAGES for type_url in stage]))
"""Removals go in this order, once all additions and changes that were put no later are taken over."""
TYPES = (RTDS, *reversed(REMOVALS))
"""All types that are served; requests for others are not answered."""
