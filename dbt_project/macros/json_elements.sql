{#- The elements of a JSON array (as text) of each row, numbered from 1, beside the columns `keep`. -#}
{% macro json_elements(relation, keep, elements) -%}
    select
        * exclude (all_elements),
        all_elements[element_number] as element
    from (
        select
            {{ keep | join(',\n            ') }},
            all_elements,
            unnest(range(1, len(all_elements) + 1)) as element_number
        from (
            select
                *,
                json_extract({{ elements }}, '$[*]') as all_elements
            from {{ relation }}
        ) as listed
    ) as numbered
{%- endmacro %}
