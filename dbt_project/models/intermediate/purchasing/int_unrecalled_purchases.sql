{#- What was decided stands in the ledger; a lake that no run has written to yet has none. -#}
{%- set decisions = source('decisions', 'decisions') -%}
-- A recall that its target refused for good is dead; trying it again takes it away here.
{%- if not execute or has_arrived(decisions) %}
select
    decision_id as recall_decision_id,
    json_extract_string(explanation, '$.decision_id') as purchase_decision_id,
    json_extract_string(explanation, '$.order_key') as order_key,
    json_extract_string(explanation, '$.sku') as sku,
    amount,
    currency_code,
    updated_at as refused_at
from {{ decisions }}
where state = 'dead' and subject like '{"recall_key":%'
{%- else %}
select
    cast(null as varchar) as recall_decision_id,
    cast(null as varchar) as purchase_decision_id,
    cast(null as varchar) as order_key,
    cast(null as varchar) as sku,
    cast(null as decimal(18, 2)) as amount,
    cast(null as varchar) as currency_code,
    cast(null as timestamptz) as refused_at
where false
{%- endif %}
