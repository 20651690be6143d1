{#- What the rows of payment providers' bills have in common. -#}


{#- The order number in a merchant's own number at a provider: Taobao writes T200P, T10000P or T50060NP before
    its order number; everybody else's is taken as it is. -#}
{% macro order_no_of(merchant_order_no) -%}
    coalesce(nullif(regexp_extract({{ merchant_order_no }}, '^T[0-9]+N?P([0-9]+)$', 1), ''), {{ merchant_order_no }})
{%- endmacro %}


{#- The shop that an exported file is of: the folder between that of its layout and the file, if there is one. -#}
{% macro shop_of_file(file_name) -%}
    regexp_extract({{ file_name }}, '^[^/]+/([^/]+)/', 1)
{%- endmacro %}


{#- An amount with the sign that the merchant sees: the type decides, because some bills write refunds with a
    minus and others without. What has no type of ours keeps the bill's sign. -#}
{% macro signed_amount(entry_type, amount) -%}
    case {{ entry_type }}
        when 'payment' then abs({{ amount }})
        when 'other' then {{ amount }}
        else -abs({{ amount }})
    end
{%- endmacro %}


{#- What the provider charged for an entry (positive) or gave back with it (negative): on a refund a fee can only
    come back, on everything else it can only be charged. -#}
{% macro charged_fee(entry_type, fee) -%}
    case when {{ entry_type }} = 'refund' then -abs({{ fee }}) else abs({{ fee }}) end
{%- endmacro %}


{#- An amount that is written in the smallest unit of its currency: most have two decimals, some none or three. -#}
{% macro from_minor_units(units, currency) -%}
    cast(
        {{ units }} * case
            when lower({{ currency }}) in (
                'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'ugx', 'vnd', 'vuv', 'xaf',
                'xof', 'xpf'
            ) then 1.000
            when lower({{ currency }}) in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 0.001
            else 0.010
        end as decimal(18, 3)
    )
{%- endmacro %}


{#- Every received row of every bill, refused ones too, in the newest reading of its bill. -#}
{% macro bill_rows() %}
    {%- set every = [] -%}
    {%- for source_name, entities in var('bill_entities').items() if source_is_enabled(source_name) -%}
        {%- for entity, bill_kind in entities.items() -%}
            {%- do every.append((source_name, entity, bill_kind)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for source_name, entity, bill_kind in every %}
        {%- set key = source_mapping(source_name, entity).record_key if execute else ['account'] %}
select
    '{{ source_name }}' as source,
    '{{ bill_kind }}' as bill_kind,
    account,
    bill_date,
    row_number,
    rows_in_bill,
    record_amount,
    reject_reason is not null as is_refused,
    hash({{ key | join(', ') }}) as record_identity
from {{ ref('int_' ~ source_name ~ '__' ~ entity ~ '_classified') }}
qualify load_id = first_value(load_id) over (
    partition by account, bill_date order by received_at desc, load_id desc
)
        {%- if not loop.last %}
union all
        {%- endif -%}
    {%- else %}
select
    cast(null as varchar) as source,
    cast(null as varchar) as bill_kind,
    cast(null as varchar) as account,
    cast(null as date) as bill_date,
    cast(null as bigint) as row_number,
    cast(null as bigint) as rows_in_bill,
    cast(null as decimal(18, 2)) as record_amount,
    cast(null as boolean) as is_refused,
    cast(null as ubigint) as record_identity
where 1 = 0
    {%- endfor -%}
{% endmacro %}


{#- Whether a source's payment entries are lines of a bank's statement. -#}
{% macro is_bank(source) -%}
    {{ is_one_of(source, var('bank_sources')) }}
{%- endmacro %}
