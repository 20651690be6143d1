"""Accounts that links make one person: `models_ml.identity.clusters` on the links and decisions."""

from connectors.lake.python_models import table_of
from models_ml.identity.clusters import cluster_accounts


def model(dbt, session):
    dbt.config(materialized="table")
    links = dbt.ref("int_identity_links").df()
    decisions = dbt.ref("int_identity_decisions").df()
    clusters = cluster_accounts(
        links.assign(is_decided=links["method"] == "decided").rename(
            columns={"customer_key_a": "account_a", "customer_key_b": "account_b"}
        ),
        decisions[decisions["decision"] == "different"].rename(
            columns={"customer_key_a": "account_a", "customer_key_b": "account_b"}
        ),
        most_accounts=dbt.config.get("most_accounts"),
    )
    named = clusters.rename(columns={"account": "customer_key", "cluster": "cluster_key"})
    return table_of(named, {"customer_key": "string", "cluster_key": "string"})
