{#-
    Which orders have changed since a model was last written. The models that unite the sources tell it
    (`meta: {touched_orders: told}`); those that compute something of orders follow (`followed`).

    Told are business and order number, for records name orders so, and a number may find its order only
    when that comes. A told row without either means: all orders.
-#}
{% macro ensure_touched_orders() %}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- do run_query("create schema if not exists " ~ target.database ~ ".reference") -%}
        {%- do run_query(
            "create table if not exists " ~ target.database ~ ".reference.touched_orders "
            "(business varchar, order_no varchar, told_by varchar, touch_number bigint)"
        ) -%}
        {%- do run_query(
            "create table if not exists " ~ target.database ~ ".reference.touches_followed "
            "(model varchar, touch_number bigint)"
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro touches_not_followed() -%}
    from {{ target.database }}.reference.touched_orders
    where
        touch_number > coalesce(
            (
                select max(touch_number)
                from {{ target.database }}.reference.touches_followed
                where model = '{{ this.schema }}.{{ this.identifier }}'
            ),
            -1
        )
{%- endmacro %}


{#- Touch the orders that this model has not followed yet, and those that `also` selects (business, order_no). -#}
{% macro follow_touched_orders(also=none) %}
    {%- if is_refreshed() -%}
        {%- do touch(
            "select business, order_no " ~ touches_not_followed()
            ~ (" union " ~ also if also else " group by business, order_no")
        ) -%}
    {%- endif -%}
{% endmacro %}


{#- Whether every order was touched since this model was written. -#}
{% macro all_orders_are_touched() %}
    {%- set found = run_query(
        "select count(*) " ~ touches_not_followed() ~ " and business is null and order_no is null"
    ) -%}
    {{ return(found.columns[0].values()[0] > 0) }}
{% endmacro %}


{% macro tell_touched_orders(everything) %}
    {%- set told = target.database ~ ".reference.touched_orders" -%}
    {%- set keys = "(select null as business, null as order_no)" if everything else touched() -%}
    {%- do run_query(
        "insert into " ~ told ~ " select business, order_no, '" ~ this.identifier ~ "', "
        "(select coalesce(max(touch_number), 0) + 1 from " ~ told ~ ") from " ~ keys
    ) -%}
{% endmacro %}


{% macro mark_touched_orders_followed() %}
    {%- set followed = target.database ~ ".reference.touches_followed" -%}
    {%- set name = this.schema ~ "." ~ this.identifier -%}
    {%- do run_query("delete from " ~ followed ~ " where model = '" ~ name ~ "'") -%}
    {%- do run_query(
        "insert into " ~ followed ~ " select '" ~ name ~ "', coalesce(max(touch_number), 0) from "
        ~ target.database ~ ".reference.touched_orders"
    ) -%}
{% endmacro %}
