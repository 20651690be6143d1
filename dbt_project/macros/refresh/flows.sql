{#-
    Which orders or parcels have changed since a model was last written. Models that unite the sources tell it
    (`meta: {tells: orders}`); models that compute something of each order follow (`meta: {follows: [orders]}`).

    Told are the business and the number by which records name an order or a parcel: a number may find its order
    only when that comes. A told row without either means all of them. Told rows are counted through, so one
    number tells up to where a model has followed.
-#}
{% macro flow_number(flow) %}
    {{ return({'orders': 'order_no', 'parcels': 'parcel_no'}[flow]) }}
{% endmacro %}


{% macro ensure_flows() %}
    {%- if execute and flags.WHICH in ('build', 'run', 'test') -%}
        {%- set reference = target.database ~ ".reference" -%}
        {%- do run_query("create schema if not exists " ~ reference) -%}
        {%- do run_query(
            "create table if not exists " ~ reference ~ ".touched_keys "
            "(flow varchar, business varchar, number varchar, told_by varchar, touch_number bigint)"
        ) -%}
        {%- do run_query(
            "create table if not exists " ~ reference ~ ".model_states "
            "(model varchar, definition varchar, touch_number bigint)"
        ) -%}
        {%- do run_query(
            "create table if not exists " ~ reference ~ ".node_states (node varchar, state varchar)"
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- The touched keys of a flow that this model has not followed yet, as a query of business and number. -#}
{% macro not_followed(flow) %}
    select
        business,
        number as {{ flow_number(flow) }}
    from {{ target.database }}.reference.touched_keys
    where
        flow = '{{ flow }}'
        and touch_number > {{ model_state().touch_number if is_written() else -1 }}
{%- endmacro %}


{#- Touch what of a flow this model has not followed yet, and the keys that the query `also` finds. -#}
{% macro follow(flow, also=none) %}
    {%- if is_refreshed() -%}
        {%- do touch(not_followed(flow) ~ " union " ~ (also or not_followed(flow))) -%}
    {%- endif -%}
{% endmacro %}


{#- Whether all keys of a flow that this model follows were touched since it was written. -#}
{% macro all_are_touched() %}
    {%- set everything = [] -%}
    {%- for flow in config.get('meta', {}).get('follows', []) -%}
        {%- do everything.append(
            "select 1 from (" ~ not_followed(flow) ~ ") where business is null and "
            ~ flow_number(flow) ~ " is null"
        ) -%}
    {%- endfor -%}
    {{ return(everything | length > 0 and run_query(everything | join(" union all ")).rows | length > 0) }}
{% endmacro %}


{#- At the end of writing a model: what it tells, up to where it has followed, what it was computed by. -#}
{% macro note_touches(is_whole) %}
    {%- set meta = config.get('meta', {}) -%}
    {%- set told = target.database ~ ".reference.touched_keys" -%}
    {%- set next = run_query("select coalesce(max(touch_number), 0) + 1 from " ~ told).columns[0].values()[0] -%}
    {%- if meta.get('tells') and (is_whole or touched_count() > 0) -%}
        {%- do run_query(
            "insert into " ~ told ~ " select distinct '" ~ meta.tells ~ "', "
            ~ ("null, null" if is_whole else "touched_business, touched_" ~ flow_number(meta.tells))
            ~ ", '" ~ this.identifier ~ "', " ~ next ~ ("" if is_whole else " from " ~ touched())
        ) -%}
    {%- endif -%}
    {%- do write_model_state(next - 1 if meta.get('follows') else 0) -%}
{% endmacro %}
