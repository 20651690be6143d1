{#- One row per whole number from 1 to below `limit`. -#}
{% macro whole_numbers_below(limit, name) -%}
    {%- for number in range(1, limit) -%}
        select {{ number }} as {{ name }}
        {%- if not loop.last %} union all {% endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- The columns `keep` of each row of `relation`, once for every whole number from 0 to its column `last`. -#}
{% macro numbered_rows(relation, keep, last, name) -%}
    select
        {{ keep | join(',\n        ') }},
        unnest(range(0, cast({{ last }} as bigint) + 1)) as {{ name }}
    from {{ relation }}
{%- endmacro %}
