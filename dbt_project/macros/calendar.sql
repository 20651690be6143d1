{#- Week of the ISO year (1 to 53) and ISO weekday (1 = Monday) of a date. -#}
{% macro iso_week(expression) -%}
    cast(extract('week' from {{ expression }}) as integer)
{%- endmacro %}

{% macro iso_weekday(expression) -%}
    cast(extract('isodow' from {{ expression }}) as integer)
{%- endmacro %}
