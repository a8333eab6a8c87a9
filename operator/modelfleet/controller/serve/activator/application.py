"""Everything that the gateway asks the operator over HTTP, on one listener."""

from aiohttp import web

from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Catalogue, CatalogueHandlers
from modelfleet.gateway.render.headers import TARGET


def gateway_application(activator: Activator, catalogue: Catalogue) -> web.Application:
    """
    Return the application for the gateway's requests.

    A request with a target is the activator's, whatever its path; `/v1/models` lists models; anything else is for a
    model that nobody serves.
    """
    about = CatalogueHandlers(catalogue)

    async def other(request: web.Request) -> web.StreamResponse:
        return await (activator.handle(request) if TARGET in request.headers else about.no_such_model(request))

    app = web.Application()
    app.router.add_get("/v1/models", about.list_models)
    app.router.add_get("/v1/models/{name:.+}", about.one_model)
    app.router.add_route("*", "/{path:.*}", other)
    return app
