"""The dashboards: pages, components and translations; no business logic."""
