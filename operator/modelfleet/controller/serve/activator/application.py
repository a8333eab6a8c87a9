"""Everything that the gateway asks the operator over HTTP, on one listener."""

from aiohttp import web

from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Catalogue, CatalogueHandlers


def gateway_application(activator: Activator, catalogue: Catalogue) -> web.Application:
    """
    Return the application for the gateway's requests.

    `GET /v1/models` and what is below it tell about models; everything else is held by the activator.
    """
    about = CatalogueHandlers(catalogue)
    app = web.Application()
    app.router.add_get("/v1/models", about.list_models)
    app.router.add_get("/v1/models/{name:.+}", about.one_model)
    app.router.add_route("*", "/{path:.*}", activator.handle)
    return app
