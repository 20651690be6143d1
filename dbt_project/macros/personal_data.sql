{#- Personal data leaves bronze only as tokens: a keyed hash, so that equal values stay equal and
    nobody without the key can find a value by trying all phone numbers.

    The key never appears in compiled SQL or in a log: the connection offers it as the SQL macro
    `fourflow_pii_key()` (connectors/lake/dbt_plugin.py). Without it tokens are null, not weaker. -#}

{% macro pii_token(expression) -%}
    sha256(
        memory.main.fourflow_pii_key() || sha256(memory.main.fourflow_pii_key() || {{ expression }})
    )
{%- endmacro %}

{#- on-run-start: a null key where the connection offers none. -#}
{% macro ensure_pii_key() -%}
    create macro if not exists memory.main.fourflow_pii_key() as cast(null as varchar)
{%- endmacro %}
