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

{#- A remark that people wrote, without the names and phone numbers that carriers put into it: the courier's, who
    took the parcel. What is left says what happened and where. -#}
{% macro without_people(expression) -%}
    {%- set rules = [
        ('(快递员|派件员|派送员|收派员|业务员|联系人|签收人|代收人)([:：]?)[^\\s,，。;；:：()（）\\[\\]【】]{1,12}', '\\1\\2[name]'),
        ('(交给|签收人[:：]?)【[^】]*】', '\\1【[name]】'),
        ('\\p{Han}(师傅|小哥)', '[name]\\1'),
        ('(^|[^0-9A-Za-z])1[0-9][0-9*]{9}([^0-9A-Za-z]|$)', '\\1[phone]\\2'),
        ('(^|[^0-9A-Za-z])0[0-9]{2,3}-?[0-9*]{7,8}([^0-9A-Za-z]|$)', '\\1[phone]\\2'),
    ] -%}
    {%- set ns = namespace(sql=expression) -%}
    {%- for pattern, replacement in rules -%}
        {%- set ns.sql = "regexp_replace(" ~ ns.sql ~ ", '" ~ pattern ~ "', '" ~ replacement ~ "', 'g')" -%}
    {%- endfor -%}
    {{ ns.sql }}
{%- endmacro %}
