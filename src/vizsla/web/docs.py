"""`/docs`: every call of the API, for people."""

from starlette.responses import Response

from vizsla.web.reference import list_operations
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()


@views.get("/docs", signed_in=False)
async def show_docs(visit: Visit) -> Response:
    """The reference."""
    document = visit.house.describe_api()
    return visit.page("docs.html", about=document["info"]["description"], calls=list_operations(document))
