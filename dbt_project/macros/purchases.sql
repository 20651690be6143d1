{#- Whether an order document is a purchase: a paid sale that was not cancelled. -#}
{% macro is_purchase(orders) -%}
    {{ orders }}.order_type = 'sale'
    and {{ orders }}.paid_at is not null
    and {{ orders }}.order_status != 'cancelled'
{%- endmacro %}
