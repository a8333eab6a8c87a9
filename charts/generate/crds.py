"""A CustomResourceDefinition → a template of the chart."""

import re

METADATA = re.compile(r"^metadata:\n  name: .+\n", re.MULTILINE)

HEADER = "{{- /* Generated from crds/ by `make generate`: do not edit. */ -}}\n{{- if .Values.crds.enabled -}}\n"
OWN_METADATA = """\
  labels:
    {{- include "modelfleet.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""
FOOTER = "{{- end }}\n"


def crd_template(crd: str) -> str:
    """
    Return the template of *crd*, the text of one definition: optional, labelled, and kept on uninstall.

    Raises ValueError when its `metadata` has more than a name, since the template writes the rest.
    """
    text = crd.replace("{{", '{{ "{{" }}')
    found = METADATA.search(text)
    if found is None or text[found.end()] == " ":
        raise ValueError("`metadata` of a CRD must have a name and nothing else, found more or another first line")
    return HEADER + text[: found.end()] + OWN_METADATA + text[found.end() :] + FOOTER
