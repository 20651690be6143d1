{#- The one canonical shape of each business object: every `int_<source>__<shape>` gives exactly these
    columns, `int_<shape>_unioned` is their union beside the business each row belongs to. Changing a shape
    starts here. -#}
{% macro canonical_columns(shape) %}
    {%- set shapes = {
        'orders': {
            'source': 'varchar', 'channel': 'varchar', 'order_no': 'varchar', 'order_type': 'varchar',
            'buyer_id': 'varchar', 'source_status': 'varchar', 'derived_status': 'varchar',
            'created_at': 'timestamptz', 'paid_at': 'timestamptz', 'gross_amount': 'decimal(18, 2)',
            'paid_amount': 'decimal(18, 2)', 'currency_code': 'varchar', 'province_name': 'varchar',
            'country': 'varchar', 'known_at': 'timestamptz',
        },
        'order_lines': {
            'source': 'varchar', 'order_no': 'varchar', 'line_no': 'bigint', 'sku': 'varchar',
            'quantity': 'bigint', 'unit_price': 'decimal(18, 6)', 'line_amount': 'decimal(18, 2)',
            'currency_code': 'varchar', 'known_at': 'timestamptz',
        },
        'payments': {
            'source': 'varchar', 'payment_no': 'varchar', 'order_no': 'varchar', 'method': 'varchar',
            'amount': 'decimal(18, 2)', 'currency_code': 'varchar', 'paid_at': 'timestamptz',
            'known_at': 'timestamptz',
        },
        'refunds': {
            'source': 'varchar', 'refund_no': 'varchar', 'order_no': 'varchar', 'line_no': 'bigint',
            'quantity': 'bigint', 'amount': 'decimal(18, 2)', 'currency_code': 'varchar',
            'source_status': 'varchar', 'derived_status': 'varchar', 'reason': 'varchar',
            'return_order_no': 'varchar', 'requested_at': 'timestamptz', 'refunded_at': 'timestamptz',
            'known_at': 'timestamptz',
        },
        'parcels': {
            'source': 'varchar', 'tracking_no': 'varchar', 'order_no': 'varchar', 'carrier': 'varchar',
            'source_status': 'varchar', 'shipped_at': 'timestamptz', 'promised_at': 'timestamptz',
            'delivered_at': 'timestamptz', 'known_at': 'timestamptz',
        },
        'shipment_scans': {
            'scan_key': 'varchar', 'source': 'varchar', 'tracking_no': 'varchar', 'carrier': 'varchar',
            'scanned_at': 'timestamptz', 'shipment_status': 'varchar', 'source_code': 'varchar',
            'place': 'varchar', 'description': 'varchar', 'known_at': 'timestamptz',
        },
        'stock': {
            'source': 'varchar', 'business_date': 'date', 'site': 'varchar', 'sku': 'varchar',
            'on_hand': 'bigint', 'reserved': 'bigint', 'outbound': 'bigint', 'inbound': 'bigint',
            'known_at': 'timestamptz',
        },
        'products': {
            'source': 'varchar', 'sku': 'varchar', 'name': 'varchar', 'category': 'varchar',
            'unit_cost': 'decimal(18, 6)', 'list_price': 'decimal(18, 6)', 'lead_time_days': 'bigint',
            'pack_size': 'bigint', 'weight_kg': 'decimal(18, 6)', 'currency_code': 'varchar',
            'known_at': 'timestamptz',
        },
        'customers': {
            'source': 'varchar', 'channel': 'varchar', 'buyer_id': 'varchar', 'name_token': 'varchar',
            'phone_token': 'varchar', 'province_name': 'varchar', 'registered_at': 'timestamptz',
            'full_name_token': 'varchar', 'email_token': 'varchar', 'open_uid': 'varchar',
            'union_id': 'varchar', 'name_parts': 'varchar', 'masked_phone_token': 'varchar',
            'email_parts': 'varchar', 'birth_date_token': 'varchar', 'address_parts': 'varchar',
            'first_known_at': 'timestamptz', 'known_at': 'timestamptz',
        },
        'payment_entries': {
            'source': 'varchar', 'account': 'varchar', 'bill_kind': 'varchar', 'entry_no': 'varchar',
            'entry_type': 'varchar', 'source_type': 'varchar', 'order_no': 'varchar',
            'provider_payment_no': 'varchar', 'settlement_no': 'varchar', 'description': 'varchar',
            'amount': 'decimal(18, 2)',
            'fee_amount': 'decimal(18, 6)', 'net_amount': 'decimal(18, 6)', 'currency_code': 'varchar',
            'occurred_at': 'timestamptz', 'bill_date': 'date', 'row_number': 'bigint',
            'balance_after': 'decimal(18, 2)', 'known_at': 'timestamptz',
        },
        'invoices': {
            'source': 'varchar', 'channel': 'varchar', 'invoice_no': 'varchar', 'customer_no': 'varchar',
            'order_no': 'varchar', 'issued_on': 'date', 'due_on': 'date', 'amount': 'decimal(18, 2)',
            'currency_code': 'varchar', 'known_at': 'timestamptz',
        },
        'receipts': {
            'source': 'varchar', 'channel': 'varchar', 'receipt_no': 'varchar', 'customer_no': 'varchar',
            'arrived_at': 'timestamptz', 'method': 'varchar', 'amount': 'decimal(18, 2)',
            'currency_code': 'varchar', 'known_at': 'timestamptz',
        },
        'payment_allocations': {
            'source': 'varchar', 'receipt_no': 'varchar', 'invoice_no': 'varchar',
            'amount': 'decimal(18, 2)', 'currency_code': 'varchar', 'allocated_at': 'timestamptz',
            'known_at': 'timestamptz',
        },
        'exchanges': {
            'source': 'varchar', 'exchange_no': 'varchar', 'order_no': 'varchar', 'line_no': 'bigint',
            'quantity': 'bigint', 'source_status': 'varchar', 'reason': 'varchar',
            'requested_at': 'timestamptz', 'returned_at': 'timestamptz', 'shipped_at': 'timestamptz',
            'tracking_no': 'varchar', 'delivered_at': 'timestamptz', 'known_at': 'timestamptz',
        },
        'order_devices': {
            'source': 'varchar', 'channel': 'varchar', 'order_no': 'varchar', 'device_token': 'varchar',
            'address_token': 'varchar', 'ordered_at': 'timestamptz', 'known_at': 'timestamptz',
        },
        'inquiries': {
            'source': 'varchar', 'channel': 'varchar', 'inquiry_no': 'varchar', 'inquiry_type': 'varchar',
            'customer_token': 'varchar', 'agent': 'varchar', 'asked_at': 'timestamptz',
            'first_replied_at': 'timestamptz', 'sku': 'varchar', 'order_no': 'varchar',
            'won_at': 'timestamptz', 'known_at': 'timestamptz',
        },
        'survey_answers': {
            'source': 'varchar', 'survey': 'varchar', 'response_no': 'varchar', 'question': 'varchar',
            'respondent_kind': 'varchar', 'respondent_token': 'varchar', 'answered_at': 'timestamptz',
            'answer': 'varchar', 'scale_max': 'bigint', 'comment': 'varchar', 'order_no': 'varchar',
            'known_at': 'timestamptz',
        },
        'form_values': {
            'source': 'varchar', 'entry_no': 'varchar', 'form': 'varchar', 'form_version': 'bigint',
            'entered_at': 'timestamptz', 'entered_by': 'varchar', 'line_no': 'bigint',
            'field_name': 'varchar', 'value_type': 'varchar', 'value': 'varchar',
            'currency_code': 'varchar', 'known_at': 'timestamptz',
        },
        'visits': {
            'source': 'varchar', 'visit_no': 'varchar', 'visitor_token': 'varchar', 'user_token': 'varchar',
            'started_at': 'timestamptz', 'last_event_at': 'timestamptz', 'traffic_source': 'varchar',
            'traffic_medium': 'varchar', 'campaign': 'varchar', 'device_category': 'varchar',
            'country': 'varchar', 'event_count': 'bigint', 'page_view_count': 'bigint',
            'first_viewed_sku': 'varchar', 'product_viewed_at': 'timestamptz',
            'added_to_cart_at': 'timestamptz', 'checkout_started_at': 'timestamptz',
            'purchased_at': 'timestamptz', 'purchase_count': 'bigint', 'order_no': 'varchar',
            'purchase_amount': 'decimal(18, 2)', 'currency_code': 'varchar', 'known_at': 'timestamptz',
        },
        'sites': {
            'source': 'varchar', 'site': 'varchar', 'name': 'varchar', 'source_type': 'varchar',
            'latitude': 'decimal(9, 6)', 'longitude': 'decimal(9, 6)', 'country': 'varchar',
            'province_name': 'varchar', 'city': 'varchar', 'opened_on': 'date', 'closed_on': 'date',
            'known_at': 'timestamptz',
        },
        'prices': {
            'source': 'varchar', 'channel': 'varchar', 'sku': 'varchar', 'unit_price': 'decimal(18, 6)',
            'currency_code': 'varchar', 'valid_from': 'date', 'valid_until': 'date',
            'known_at': 'timestamptz',
        },
        'stock_movements': {
            'source': 'varchar', 'movement_no': 'varchar', 'line_no': 'varchar', 'site': 'varchar',
            'sku': 'varchar', 'source_type': 'varchar', 'quantity': 'decimal(18, 6)',
            'unit_cost': 'decimal(18, 6)', 'currency_code': 'varchar', 'reference': 'varchar',
            'moved_at': 'timestamptz', 'known_at': 'timestamptz',
        },
        'bill_of_materials': {
            'source': 'varchar', 'line_no': 'varchar', 'sku': 'varchar', 'component_sku': 'varchar',
            'quantity': 'decimal(18, 6)', 'scrap_rate': 'decimal(9, 6)', 'valid_from': 'date',
            'valid_until': 'date', 'known_at': 'timestamptz',
        },
        'suppliers': {
            'source': 'varchar', 'account': 'varchar', 'supplier_no': 'varchar', 'name': 'varchar',
            'name_token': 'varchar', 'country': 'varchar', 'lead_time_days': 'bigint',
            'payment_terms': 'varchar', 'payment_terms_days': 'bigint',
            'minimum_order_amount': 'decimal(18, 2)', 'currency_code': 'varchar', 'is_active': 'boolean',
            'known_at': 'timestamptz',
        },
        'supplier_prices': {
            'source': 'varchar', 'account': 'varchar', 'price_no': 'varchar', 'supplier_no': 'varchar',
            'sku': 'varchar', 'unit_price': 'decimal(18, 6)', 'currency_code': 'varchar',
            'minimum_order_quantity': 'decimal(18, 6)', 'pack_size': 'bigint', 'lead_time_days': 'bigint',
            'valid_from': 'date', 'valid_until': 'date', 'priority': 'bigint', 'known_at': 'timestamptz',
        },
        'purchase_order_lines': {
            'source': 'varchar', 'account': 'varchar', 'order_no': 'varchar', 'line_no': 'varchar',
            'supplier_no': 'varchar', 'site': 'varchar', 'sku': 'varchar', 'source_status': 'varchar',
            'quantity': 'decimal(18, 6)', 'received_quantity': 'decimal(18, 6)',
            'unit_price': 'decimal(18, 6)', 'line_amount': 'decimal(18, 2)', 'currency_code': 'varchar',
            'ordered_at': 'timestamptz', 'promised_on': 'date', 'received_at': 'timestamptz',
            'reference': 'varchar', 'known_at': 'timestamptz',
        },
        'credit_terms': {
            'source': 'varchar', 'channel': 'varchar', 'buyer_id': 'varchar', 'credit_limit': 'decimal(18, 2)',
            'open_amount': 'decimal(18, 2)', 'payment_terms': 'varchar', 'payment_terms_days': 'bigint',
            'currency_code': 'varchar', 'known_at': 'timestamptz',
        },
    } -%}
    {{ return(shapes[shape]) }}
{% endmacro %}


{% macro union_sources(shape) %}
    {%- set columns = canonical_columns(shape) -%}
select
    {{ business_of('records.source', 'sources') }} as business,
    records.*
from (
    {%- for source_name in var('canonical_sources')[shape] if source_is_enabled(source_name) %}
    select
        {%- for column, type in columns.items() %}
        cast({{ column }} as {{ type }}) as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('int_' ~ source_name ~ '__' ~ shape) }}
        {%- if not loop.last %}
    union all
        {%- endif -%}
    {%- else %}
    select
        {%- for column, type in columns.items() %}
        cast(null as {{ type }}) as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    where 1 = 0
    {%- endfor %}
) as records
left join {{ ref('sources') }} as sources on records.source = sources.source
{% endmacro %}


{#- The business of a source, beside a left join with seed `sources`: one that is not listed is its own. -#}
{% macro business_of(source, sources) -%}
    coalesce({{ sources }}.business, {{ source }})
{%- endmacro %}


{#- ISO currency of a source's amounts, as its mapping declares it. -#}
{% macro currency_of(source_name) -%}
    {%- set found = [] -%}
    {%- for node in graph.get('sources', {}).values() if node.source_name == source_name -%}
        {%- do found.append(node.source_meta.fourflow.currency_code) -%}
    {%- endfor -%}
    '{{ found[0] if found else "XXX" }}'
{%- endmacro %}


{#- The key of an order as its lines, payments, refunds and parcels name it. -#}
{% macro order_key(source, order_no) -%}
    {{ source }} || ':' || {{ order_no }}
{%- endmacro %}


{#- A buyer within a source and channel; null when the order names none. -#}
{% macro customer_key(source, channel, buyer_id) -%}
    {{ source }} || ':' || {{ channel }} || ':' || {{ buyer_id }}
{%- endmacro %}
