{#- Units that may be sold now: what is promised to orders, and what is leaving though it still counts as on hand,
    is not. What is on its way in never lowers it. -#}
{% macro available_to_sell(on_hand, reserved, outbound) -%}
    {{ on_hand }} - {{ reserved }} - {{ outbound }}
{%- endmacro %}


{#- Units that may be promised for the day on which the inbound ones have come: they are added, never subtracted. -#}
{% macro available_to_promise(on_hand, reserved, outbound, inbound) -%}
    {{ available_to_sell(on_hand, reserved, outbound) }} + {{ inbound }}
{%- endmacro %}
