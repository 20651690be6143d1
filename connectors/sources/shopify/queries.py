"""The GraphQL texts of the Shopify connector: what is asked of an order, paged and in bulk.

In a bulk operation a connection can't be inside a list, so the lines of refunds are not in it; they
are asked for afterwards, for the few orders that have refunds.
"""

from typing import Final

API_VERSION: Final = "2026-04"
"""The version that these texts were written for."""

_MONEY: Final = "{ shopMoney { amount } }"
_PAGE: Final = "pageInfo { hasNextPage endCursor }"

_OWN: Final = f"""
id legacyResourceId name createdAt processedAt updatedAt cancelledAt closedAt cancelReason test
currencyCode displayFinancialStatus displayFulfillmentStatus sourceName phone
totalPriceSet {_MONEY} currentTotalPriceSet {_MONEY} totalRefundedSet {_MONEY}
totalReceivedSet {_MONEY} totalShippingPriceSet {_MONEY} totalTaxSet {_MONEY}
customer {{ id displayName }}
shippingAddress {{ province provinceCode country countryCodeV2 }}
transactions {{ id kind status gateway paymentId processedAt test amountSet {_MONEY} }}
fulfillments {{
  id createdAt updatedAt status displayStatus deliveredAt estimatedDeliveryAt
  trackingInfo {{ company number }}
}}
"""
_REFUND: Final = f"id createdAt updatedAt note totalRefundedSet {_MONEY}"
_LINE: Final = f"""
id sku title quantity currentQuantity variant {{ id }}
originalUnitPriceSet {_MONEY} discountAllocations {{ allocatedAmountSet {_MONEY} }}
"""
_RETURN: Final = "id name status totalQuantity createdAt closedAt"
_REFUND_LINE: Final = f"quantity subtotalSet {_MONEY} totalTaxSet {_MONEY} lineItem {{ id }}"
_PAYBACK: Final = f"id kind status processedAt amountSet {_MONEY}"


def _refund_parts(lines: int, after: str = "") -> str:
    return f"""
refundLineItems(first: {lines}{after}) {{ nodes {{ {_REFUND_LINE} }} {_PAGE} }}
transactions(first: 5) {{ nodes {{ {_PAYBACK} }} {_PAGE} }}
"""


def orders_page(*, with_returns: bool) -> str:
    """A page of orders with the first of their lines, refunded lines and returns."""
    returns = f"returns(first: 2) {{ nodes {{ {_RETURN} }} {_PAGE} }}" if with_returns else ""
    return f"""
query FourflowOrders($first: Int!, $after: String, $sort: OrderSortKeys!, $search: String!) {{
  orders(first: $first, after: $after, sortKey: $sort, query: $search) {{
    nodes {{
      {_OWN}
      refunds {{ {_REFUND} {_refund_parts(3)} }}
      lineItems(first: 8) {{ nodes {{ {_LINE} }} {_PAGE} }}
      {returns}
    }}
    pageInfo {{ hasNextPage hasPreviousPage endCursor }}
  }}
}}
"""


def more_lines(order: str, after: str) -> str:
    """Further lines of an order."""
    return _more(
        order, f'lineItems(first: 100, after: "{after}") {{ nodes {{ {_LINE} }} {_PAGE} }}'
    )


def more_returns(order: str, after: str) -> str:
    """Further returns of an order."""
    return _more(order, f'returns(first: 50, after: "{after}") {{ nodes {{ {_RETURN} }} {_PAGE} }}')


def more_refunded_lines(order: str, after: str) -> str:
    """Further lines of each refund of an order; whose cursor it is knows which are its own."""
    lines = (
        f'refundLineItems(first: 100, after: "{after}") {{ nodes {{ {_REFUND_LINE} }} {_PAGE} }}'
    )
    return _more(order, f"refunds {{ id {lines} }}")


def more_paybacks(order: str, after: str) -> str:
    """Further transactions of each refund of an order."""
    paybacks = f'transactions(first: 50, after: "{after}") {{ nodes {{ {_PAYBACK} }} {_PAGE} }}'
    return _more(order, f"refunds {{ id {paybacks} }}")


def refunds_of(orders: list[str]) -> str:
    """The refunds of some orders with their lines, as `o0`, `o1`, ..."""
    asked = f"refunds {{ {_REFUND} {_refund_parts(20)} }}"
    parts = [f'o{n}: order(id: "{order}") {{ {asked} }}' for n, order in enumerate(orders)]
    return f"query FourflowRefunds {{ {' '.join(parts)} }}"


def _more(order: str, asked: str) -> str:
    return f'query FourflowMore {{ order(id: "{order}") {{ {asked} }} }}'


def bulk_orders(search: str, *, with_returns: bool) -> str:
    """All orders of a search as a bulk operation; the same text for the same search."""
    returns = f"returns {{ edges {{ node {{ {_RETURN} }} }} }}" if with_returns else ""
    text = f"""{{
  orders(query: "{search}") {{
    edges {{ node {{
      {_OWN}
      refunds {{ {_REFUND} }}
      lineItems {{ edges {{ node {{ {_LINE} }} }} }}
      {returns}
    }} }}
  }}
}}"""
    return " ".join(text.split())


RUN_BULK: Final = """
mutation FourflowBulk($query: String!) {
  bulkOperationRunQuery(query: $query) {
    bulkOperation { id status createdAt query }
    userErrors { field message }
  }
}
"""

_OPERATION: Final = """
id status errorCode createdAt objectCount rootObjectCount fileSize url query
"""

BULK_OPERATION: Final = f"""
query FourflowBulkState($id: ID!) {{ node(id: $id) {{ ... on BulkOperation {{ {_OPERATION} }} }} }}
"""

CHECK: Final = """
query FourflowCheck($search: String!) { shop { name } ordersCount(query: $search) { count } }
"""
