"""Identity resolution: which accounts are one person, which transactions are one payment."""

from models_ml.identity.resolution import (
    LinkModel,
    Resolver,
    ResolveSettings,
    learn_links,
    resolve,
)

__all__ = ["LinkModel", "ResolveSettings", "Resolver", "learn_links", "resolve"]
