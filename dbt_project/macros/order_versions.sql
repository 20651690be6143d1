{#- Where each source keeps what changes about an order: the columns of its classified order records that the history
    takes, of entity `orders` unless another is named. `status` is the word that `order_status_map` knows. -#}
{% macro order_version_columns() %}
    {%- set plain = {'channel': 'account', 'order_no': 'order_no', 'status': 'status'} -%}
    {{ return({
        'sandbox': {'channel': 'channel', 'order_no': 'order_no', 'status': 'status'},
        'taobao': plain,
        'douyin': {
            'channel': 'account', 'order_no': 'order_no',
            'status': "case when main_status in ('103', '21', '22', '39') then main_status else order_status end",
        },
        'pdd': plain,
        'jd': plain,
        'wechat_store': plain,
        'shopify': {
            'channel': 'account', 'order_no': 'order_no',
            'status': "case when cancelled_at is not null then 'CANCELLED/' || coalesce(financial_status, 'PENDING') "
                ~ "else coalesce(financial_status, 'PENDING') || '/' || fulfillment_status end",
        },
        'woocommerce': {'channel': 'account', 'order_no': "account || '/' || order_id", 'status': 'status'},
        'order_entry': {'entity': 'pushes', 'channel': 'channel', 'order_no': 'order_no', 'status': 'status'},
    }) }}
{% endmacro %}


{#- Every version of every order that its source sent, also those that were replaced. -#}
{% macro all_order_versions() %}
    {%- set found = [] -%}
    {%- for source_name, columns in order_version_columns().items() if source_is_enabled(source_name) -%}
        {%- do found.append((source_name, columns)) -%}
    {%- endfor -%}
    {%- for source_name, columns in found %}
select
    '{{ source_name }}' as source,
    {{ columns.channel }} as channel,
    {{ columns.order_no }} as order_no,
    {{ columns.status }} as source_status,
    record_amount as gross_amount,
    record_event_at as event_at,
    received_at as known_at,
    record_hash,
    record_number,
    is_current
from {{ ref('int_' ~ source_name ~ '__' ~ columns.get('entity', 'orders') ~ '_classified') }}
where disposition = 'used'
        {%- if not loop.last %}
union all
        {%- endif -%}
    {%- else %}
select
    cast(null as varchar) as source,
    cast(null as varchar) as channel,
    cast(null as varchar) as order_no,
    cast(null as varchar) as source_status,
    cast(null as decimal(18, 2)) as gross_amount,
    cast(null as timestamptz) as event_at,
    cast(null as timestamptz) as known_at,
    cast(null as varchar) as record_hash,
    cast(null as bigint) as record_number,
    cast(null as boolean) as is_current
where 1 = 0
    {%- endfor -%}
{% endmacro %}
