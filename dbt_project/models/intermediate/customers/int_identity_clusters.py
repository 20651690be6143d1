"""Accounts that links make one person: `models_ml.identity.clusters` on the links and decisions."""

import pyarrow as pa

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
    return pa.table(
        {
            "customer_key": pa.array(clusters["account"], pa.string()),
            "cluster_key": pa.array(clusters["cluster"], pa.string()),
        }
    )
