{#- Personal data leaves bronze only as tokens: a keyed hash, so that equal values stay equal and
    nobody without the key can find a value by trying all phone numbers.

    The key never appears in compiled SQL or in a log: the connection offers it as the SQL macro
    `fourflow_pii_key()` (connectors/lake/dbt_plugin.py). Without it tokens are null, not weaker. -#}

{% macro pii_token(expression) -%}
    sha256(
        memory.main.fourflow_pii_key() || sha256(memory.main.fourflow_pii_key() || {{ expression }})
    )
{%- endmacro %}

{#- The tokens of a text's overlapping pairs of characters, its ends counted, without case and blanks: texts that
    are spelt alike share most of them. Each is cut short, so that several pairs share a token. A masked text has
    none: 王** is spelt like nobody. -#}
{% macro pii_parts(expression) -%}
    {%- set text = "'^' || regexp_replace(lower(" ~ expression ~ "), '[\\s.,，。·-]', '', 'g') || '$'" -%}
    case
        when not contains({{ expression }}, '*') then array_to_string(list_sort(list_distinct(list_transform(
            range(1, length({{ text }})),
            lambda place: left({{ pii_token("substr(" ~ text ~ ", cast(place as integer), 2)") }}, 6)
        ))), ' ')
    end
{%- endmacro %}

{#- A phone number in one way of writing: digits only, without China's country code; null of a masked one. -#}
{% macro phone_number(expression) -%}
    {%- set digits = "regexp_replace(" ~ expression ~ ", '[^0-9]', '', 'g')" -%}
    case
        when contains({{ expression }}, '*') or length({{ digits }}) < 7 then null
        else regexp_replace({{ digits }}, '^(00)?86(1[0-9]{10})$', '\2')
    end
{%- endmacro %}

{#- What platforms show of a mobile number, `138****1234`, of a whole one, too. -#}
{% macro masked_phone_number(expression) -%}
    {%- set shown = "regexp_replace(" ~ expression ~ ", '[^0-9*]', '', 'g')" -%}
    nullif(regexp_replace(regexp_extract(
        {{ shown }}, '^(?:(?:00)?86)?(1[0-9]{2}(?:[0-9]{4}|[*]{4})[0-9]{4})$', 1
    ), '^(...)....', '\1****'), '')
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
