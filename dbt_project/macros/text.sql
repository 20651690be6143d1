{#- Whether a text has another one in it, as it stands. -#}
{% macro contains_text(expression, part) -%}
    position({{ part }} in {{ expression }}) > 0
{%- endmacro %}


{#- Whether a value is one of some words; of no words it is none. -#}
{% macro is_one_of(expression, words) -%}
    {%- for word in words -%}
        {{ '(' if loop.first }}{{ expression }} = '{{ word }}'{{ ')' if loop.last else ' or ' }}
    {%- else -%}
        false
    {%- endfor -%}
{%- endmacro %}

{#- The texts of a group joined in the order of another column. -#}
{% macro joined_in_order(expression, separator, place) -%}
    {{ dbt.listagg(expression, "'" ~ separator ~ "'", 'order by ' ~ place) }}
{%- endmacro %}
