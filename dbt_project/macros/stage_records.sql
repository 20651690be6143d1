{#- The typed parse of one bronze table: one row per received record of a committed load.

    Columns: lineage (source_id, load_id, file_name, file_sha256, record_number, received_at), the
    mapping's canonical columns, record_hash (identity of the content), record_amount and
    record_event_at (for reports across entities), reject_reason (null when usable), payload (only of
    refused records, personal values masked) and mapping_version. Records of a platform also say
    which `account` they are of.

    An entity with `record_of` has one record for each element of the array `records_in` in the records
    of that other entity; its model names that entity here too, because dbt reads names before mappings.

    What no column alone can tell stands under `refuse`: sentences about the typed columns (`when`, in SQL) with
    the reason (`because`) for which a record that satisfies one is refused.

    Incremental: only loads that are not staged yet, whenever they were committed. -#}
{% macro stage_records(source_name, entity, record_of=none) %}
    {%- set bronze = source(source_name, record_of or entity) -%}
    {%- set loads = source('bronze', '_dlt_loads') -%}
    {%- if execute -%}
        {%- set mapping = source_mapping(source_name, entity) -%}
        {%- if (mapping.record_of or '') != (record_of or '') -%}
            {{ exceptions.raise_compiler_error(
                "The model of " ~ source_name ~ "." ~ entity ~ " must say record_of='"
                ~ mapping.record_of ~ "' as its mapping does."
            ) }}
        {%- endif -%}
        {{- parsed_records(
            mapping,
            bronze if has_arrived(bronze) else none,
            loads,
            mapping_version(source_name, entity),
            this if is_incremental() else none
        ) -}}
    {%- else -%}
        select 1
    {%- endif -%}
{% endmacro %}


{% macro parsed_records(mapping, bronze, loads, version, staged) %}
    {%- set columns = mapping.columns -%}
    {%- set personal = [] -%}
    {%- for name, column in columns.items() if column.get('pii') or column.type == 'remark' -%}
        {%- do personal.append(column.header) -%}
    {%- endfor -%}
with received as (
    {%- if bronze is none %}
    select
        cast(null as varchar) as source_id,
        cast(null as varchar) as load_id,
        cast(null as varchar) as file_name,
        cast(null as varchar) as file_sha256,
        cast(null as bigint) as record_number,
        cast(null as timestamptz) as received_at,
        cast(null as varchar) as read_error,
        cast(null as varchar) as payload{% if mapping.is_answer %},
        cast(null as varchar) as account{% endif %}

    where 1 = 0
    {%- else %}
    select
        source_id,
        _dlt_load_id as load_id,
        file_name,
        file_sha256,
        cast(record_number as bigint) as record_number,
        cast(received_at as timestamptz) as received_at,
        read_error,
        payload{% if mapping.is_answer %},
        account{% endif %}

    from {{ bronze }}
    where _dlt_load_id in (select load_id from {{ loads }} where status = 0)
        {%- if staged is not none %}
        and _dlt_load_id not in (select load_id from {{ staged }})
        {%- endif %}
    {%- endif %}
),

{%- if mapping.record_of %}

elements as (
    select
        * exclude (source_id, payload, elements),
        source_id || '#' || element_number as source_id,
        payload as parent_payload,
        cast(elements[element_number] as varchar) as payload
    from (
        select
            *,
            unnest(range(1, len(elements) + 1)) as element_number
        from (
            select
                *,
                json_extract(payload, '{{ mapping.records_in }}[*]') as elements
            from received
            where read_error is null
        ) as listed
    ) as numbered
),
{%- endif %}

extracted as (
    select
        *,
        {%- for place in ('payload', 'parent_payload') if place == 'payload' or mapping.record_of %}
        json_extract_string({{ place }}, [
            {%- for column in columns.values() %}
            '{{ column_path(column) }}'{{ "," if not loop.last }}
            {%- endfor %}
        ]) as {{ place }}_values{{ "," if not loop.last }}
        {%- endfor %}
    from {{ 'elements' if mapping.record_of else 'received' }}
),

cleaned as (
    select
        source_id,
        load_id,
        file_name,
        file_sha256,
        record_number,
        received_at,
        read_error,
        payload,
        {%- if mapping.is_answer %}
        account,
        {%- endif %}
        {%- for name, column in columns.items() %}
        {%- set values = 'parent_payload_values' if column.get('of') == 'parent' else 'payload_values' %}
        {%- set position = 'cast(element_number as varchar)' if column.get('path') == '#' else none %}
        {%- set found = position or values ~ '[' ~ loop.index ~ ']' %}
        {{ raw_value(column, keyed_value(found, column.key) if column.get('key') else found) }} as {{ name }}_raw{{ "," if not loop.last }}
        {%- endfor %}
    from extracted
),

typed as (
    select
        *,
        {%- for name, column in columns.items() %}
        {{ typed_value(column, name ~ '_raw', mapping.time_zone) }} as {{ name }}_typed,
        {%- endfor %}
        case
            when read_error is not null then md5(payload)
            else md5(concat_ws(
                chr(31),
                {%- for name in columns %}
                coalesce({{ name }}_raw, ''){{ "," if not loop.last }}
                {%- endfor %}
            ))
        end as record_hash
    from cleaned
),

judged as (
    select
        *,
        case
            when read_error is not null then read_error
            else nullif(concat_ws(
                ' ',
                {%- for name, column in columns.items() if column.get('required') or column.type not in ('text', 'json', 'remark', 'phone', 'masked_phone', 'email') %}
                {{ refusal(name, column, name ~ '_raw', name ~ '_typed') }}{{ "," if not loop.last }}
                {%- endfor %}
            ), '')
        end as reject_reason
    from typed
),
{%- if mapping.refuse %}

ruled as (
    select
        * replace (coalesce(reject_reason, nullif(concat_ws(
            ' ',
            {%- for rule in mapping.refuse %}
            case when {{ rule.when }} then '{{ rule.because.replace("'", "''") }}' end{{ "," if not loop.last }}
            {%- endfor %}
        ), '')) as reject_reason)
    from (
        select
            *,
            {%- for name in columns %}
            {{ name }}_typed as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        from judged
    ) as judged
),
{%- endif %}

named as (
    select
        source_id,
        load_id,
        file_name,
        file_sha256,
        record_number,
        received_at,
        record_hash,
        reject_reason,
        {%- if mapping.is_answer %}
        account,
        {%- endif %}
        {%- for name, column in columns.items() %}
        {%- if column.get('pii') == 'parts' %}
        {{ pii_parts(name ~ '_typed') }} as {{ name }},
        {%- elif column.get('pii') %}
        {{ pii_token(name ~ '_typed') }} as {{ name }},
        {%- else %}
        {{ name }}_typed as {{ name }},
        {%- endif %}
        {%- endfor %}
        {{ masked_values(columns) if mapping.is_answer else masked_payload(personal) }} as payload
    from {{ 'ruled' if mapping.refuse else 'judged' }}
)

select
    *,
    {{ "cast(" ~ mapping.amount ~ " as decimal(18, 2))" if mapping.amount else "cast(null as decimal(18, 2))" }} as record_amount,
    {{ "cast(" ~ mapping.event_at ~ " as timestamptz)" if mapping.event_at else "cast(null as timestamptz)" }} as record_event_at,
    '{{ version }}' as mapping_version
from named
{% endmacro %}


{#- Payload of a refused record for the people who repair it, without its personal values. -#}
{% macro masked_payload(headers) -%}
    case
        when reject_reason is null then null
        {%- if headers %}
        when read_error is not null
            then '{"raw": "[' || length(payload) || ' characters that may hold personal data: see bronze]"}'
        else cast(json_merge_patch(
            cast(payload as json),
            cast('{
                {%- for header in headers -%}
                "{{ (header | string).replace("'", "''") }}": "[personal]"{{ ", " if not loop.last }}
                {%- endfor -%}
            }' as json)
        ) as varchar)
        {%- else %}
        else payload
        {%- endif %}
    end
{%- endmacro %}


{#- What a refused record of a platform says in the mapping's columns: its payload may be deep, and hold
    personal values in places that no column names. -#}
{% macro masked_values(columns) -%}
    case
        when reject_reason is null then null
        else cast(json_object(
            {%- for name, column in columns.items() %}
            '{{ name }}', {{ "'[personal]'" if column.get('pii') or column.type == 'remark' else name ~ '_raw' }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as varchar)
    end
{%- endmacro %}


{#- Where a column stands in its record; `#`, the number of an element in its array, stands nowhere in it. -#}
{% macro column_path(column) -%}
    {%- if column.get('header') is not none and column.get('header') | string -%}
        $."{{ (column.header | string).replace("'", "''") }}"{{ (column.get('path') or '$')[1:].replace("'", "''") }}
    {%- else -%}
        {{ column.path.replace("'", "''") }}
    {%- endif -%}
{%- endmacro %}


{#- Whether a source's table is there. A unit test's table always is: it stands in the query itself. -#}
{% macro has_arrived(relation) %}
    {%- if relation.is_cte or '__dbt__cte__' in (relation | string) -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(load_relation(relation) is not none) }}
{% endmacro %}
