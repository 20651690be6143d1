{#- One row per whole number from 1 to below `limit`. -#}
{% macro whole_numbers_below(limit, name) -%}
    {%- for number in range(1, limit) -%}
        select {{ number }} as {{ name }}
        {%- if not loop.last %} union all {% endif -%}
    {%- endfor -%}
{%- endmacro %}
