"""Where the API server is, and as whom the operator speaks to it."""

import os
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from modelfleet.controller.cluster.errors import Unavailable

AUTHORIZATION = ["BearerToken"]
"""The only scheme of the client's configuration beside TLS certificates."""


async def load(kubeconfig: Path | None = None, *, context: str | None = None) -> Configuration:
    """
    Return how to reach the API server.

    The named *kubeconfig* wins, then `KUBECONFIG`, then the pod's service account, then `~/.kube/config`.
    Tokens of service accounts and of credential plugins are refreshed when a request needs it. Raises
    `Unavailable` when there is nothing to connect to.
    """
    found = Configuration()
    try:
        if kubeconfig is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=found)
        else:
            path = str(kubeconfig) if kubeconfig else None
            await config.load_kube_config(config_file=path, context=context, client_configuration=found)
    except (config.ConfigException, OSError) as error:
        raise Unavailable(
            f"no API server to connect to: {error}; run inside a cluster, set `KUBECONFIG`, or pass a kubeconfig"
        ) from error
    return found


def client(configuration: Configuration) -> ApiClient:
    """
    Return a client that ignores the environment's proxies and keeps as many connections as requests in flight.

    aiohttp looks for proxies and netrc on every request otherwise, which costs 100 µs each.
    """
    configuration.client_session_kwargs = {"trust_env": False}
    return ApiClient(configuration)


async def authorization(api: ApiClient, path: str) -> dict[str, str]:
    """Return the headers that identify the operator, with a token that is fresh."""
    headers: dict[str, str] = {}
    await api.update_params_for_auth(headers, [], AUTHORIZATION, path, "GET", None)
    return headers


def open_session(api: ApiClient, middlewares: Sequence[aiohttp.ClientMiddlewareType] = ()) -> aiohttp.ClientSession:
    """
    Return an HTTP session to the API server whose every request carries fresh credentials.

    *middlewares* run before the credentials are added. The caller closes the session.
    """
    configuration = api.configuration

    async def authorize(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update(await authorization(api, request.url.path))
        if configuration.tls_server_name:
            request.server_hostname = configuration.tls_server_name
        return await handler(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=api.rest_client.ssl_context),
        middlewares=(*middlewares, authorize),
        proxy=configuration.proxy or None,
        trust_env=False,
    )
