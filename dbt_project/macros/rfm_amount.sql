{#- What one order document adds to its customer's monetary value (variable rfm_monetary_basis). -#}
{% macro rfm_amount() -%}
    {%- if var('rfm_monetary_basis') == 'gross' -%}
        case when is_purchase then gross_amount else 0 end
    {%- elif var('rfm_monetary_basis') == 'net' -%}
        case when is_purchase or order_type = 'return' then net_paid_amount else 0 end
    {%- else -%}
        {{ exceptions.raise_compiler_error("rfm_monetary_basis must be net or gross.") }}
    {%- endif -%}
{%- endmacro %}
