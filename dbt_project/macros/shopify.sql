{#- The number in one of Shopify's global ids: gid://shopify/Order/450789469 is 450789469. -#}
{% macro shopify_number(gid) -%}
    nullif(regexp_extract({{ gid }}, '([0-9]+)(\?.*)?$', 1), '')
{%- endmacro %}
