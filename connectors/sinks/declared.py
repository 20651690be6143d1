"""What fourflow.yml says about sinks, and how it names a secret."""

from typing import Any, Final

from pydantic import Field, field_validator, model_validator

from connectors.declarations import Declared
from connectors.secrets_file import is_secret_name

INLINE_REFUSED: Final = (
    "a secret never stands in this file; put it into an environment variable and write "
    "{env: NAME_OF_THE_VARIABLE}"
)
NO_VARIABLE_NAME: Final = (
    "what follows env is not the name of an environment variable (letters, digits, _)"
)


class SecretReference(Declared):
    """Where a secret is: the file names it and never holds it."""

    env: str = Field(description="Name of the environment variable that holds the secret.")

    @model_validator(mode="before")
    @classmethod
    def _never_the_secret_itself(cls, value: Any) -> Any:
        if not isinstance(value, dict | SecretReference):
            raise ValueError(INLINE_REFUSED)  # noqa: TRY004 - pydantic reads only this
        return value

    @field_validator("env")
    @classmethod
    def _can_be_a_name(cls, env: str) -> str:
        if not is_secret_name(env):
            raise ValueError(NO_VARIABLE_NAME)
        return env


class Webhook(Declared):
    """The sink that posts decisions, signed as Standard Webhooks."""

    url: str = Field(description="Where decisions are posted.")
    secret: SecretReference = Field(
        description="The variable with the signing secret (whsec_ and base64)."
    )


class TargetEntry(Declared):
    """A sink that is a business system, with one or more accounts."""

    accounts: dict[str, Any] = Field(
        min_length=1,
        description="By account name: what the table of targets in docs/decisions.md names.",
    )


class Sinks(Declared):
    """Where decisions go, beside the file in home that is always written."""

    webhook: Webhook | None = Field(
        default=None, description="Posts every decision; left out: the webhook is off."
    )
    odoo: TargetEntry | None = Field(
        default=None, description="Purchase orders, transfers, invoices and activities in Odoo."
    )
    erpnext: TargetEntry | None = Field(
        default=None, description="Purchase orders, material requests, stock entries in ERPNext."
    )
    shopify: TargetEntry | None = Field(
        default=None, description="Stock and shipments of Shopify shops."
    )
    taobao: TargetEntry | None = Field(
        default=None, description="Stock and shipments of Taobao and Tmall shops."
    )
    douyin: TargetEntry | None = Field(
        default=None, description="Stock and shipments of Douyin shops."
    )
    wms: TargetEntry | None = Field(
        default=None,
        description="Pick lists, shipments and transfers for warehouse systems: files or webhook.",
    )
    files: TargetEntry | None = Field(
        default=None, description="Documents as files in folders, also by SFTP."
    )
