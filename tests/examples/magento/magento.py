"""Orders of a Magento shop (Adobe Commerce REST) as a dlt source: all that is Magento's own."""

from typing import Any

from dlt.sources.rest_api import rest_api_source


def magento(base_url: str, token: str, page_size: int = 100) -> Any:
    """The resource `orders`: every order changed since the last reading, oldest change first.

    Args:
        base_url: address of the shop, such as https://shop.example.
        token: of an integration with the right to read sales.
        page_size: orders in one call.
    """
    criteria = "searchCriteria[filter_groups][0][filters][0]"
    return rest_api_source(
        {
            "client": {
                "base_url": f"{base_url}/rest/V1/",
                "auth": {"type": "bearer", "token": token},
                "paginator": {
                    "type": "page_number",
                    "base_page": 1,
                    "page_param": "searchCriteria[currentPage]",
                    "total_path": None,
                    "stop_after_empty_page": True,
                },
            },
            "resources": [
                {
                    "name": "orders",
                    "endpoint": {
                        "path": "orders",
                        "data_selector": "items",
                        "params": {
                            f"{criteria}[field]": "updated_at",
                            f"{criteria}[condition_type]": "gteq",
                            f"{criteria}[value]": "{incremental.start_value}",
                            "searchCriteria[sortOrders][0][field]": "updated_at",
                            "searchCriteria[sortOrders][0][direction]": "ASC",
                            "searchCriteria[pageSize]": page_size,
                        },
                        "incremental": {
                            "cursor_path": "updated_at",
                            "initial_value": "2000-01-01 00:00:00",
                        },
                    },
                }
            ],
        },
        name="magento",
    )
