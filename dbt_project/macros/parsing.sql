{#- How raw text becomes typed values. Every rule is a pair: the typed value (null when the text
    does not qualify) and the sentence that says why it was refused (null when it qualifies).
    Nothing is coerced: a text that needs guessing is refused, and its record goes to quarantine. -#}


{#- A raw value without surrounding blanks, tabs, byte-order marks and full-width spaces; '' is null. -#}
{% macro clean_text(expression) -%}
    nullif(trim({{ expression }}, chr(32) || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288) || chr(65279)), '')
{%- endmacro %}


{#- The value that goes with a key in the text of a JSON array of {key, value} objects; GA4 writes a value as an
    object with one member for each type, of which one is not null. -#}
{% macro keyed_value(expression, key) -%}
    list_transform(
        list_filter(
            json_extract({{ expression }}, '$[*]'),
            lambda pair: json_extract_string(pair, '$.key') = '{{ key }}'
        ),
        lambda pair: coalesce(
            json_extract_string(pair, '$.value.string_value'),
            json_extract_string(pair, '$.value.int_value'),
            json_extract_string(pair, '$.value.double_value'),
            json_extract_string(pair, '$.value.float_value'),
            case when json_type(pair, '$.value') != 'OBJECT' then json_extract_string(pair, '$.value') end
        )
    )[1]
{%- endmacro %}


{#- The text that a column is read from: what the one group of its `pattern` matches if it has one. Platforms
    write 0 for a time that has not come. -#}
{% macro raw_value(column, expression) -%}
    {%- if column.get('pattern') -%}
        nullif(regexp_extract({{ clean_text(expression) }}, '^(?:{{ column.pattern.replace("'", "''") }})$', 1), '')
    {%- elif column.type.startswith('epoch_') -%}
        nullif({{ clean_text(expression) }}, '0')
    {%- else -%}
        {{ clean_text(expression) }}
    {%- endif -%}
{%- endmacro %}


{% macro typed_value(column, expression, time_zone) -%}
    {%- if column.type == 'id' -%}
        {%- if column.get('strip_decimal_zero') -%}
            regexp_replace({{ expression }}, '^([0-9]+)[.]0+$', '\1')
        {%- else -%}
            {{ expression }}
        {%- endif -%}
    {%- elif column.type in ('text', 'json') -%}
        {{ expression }}
    {%- elif column.type == 'remark' -%}
        {{ without_people(expression) }}
    {%- elif column.type == 'phone' -%}
        {{ phone_number(expression) }}
    {%- elif column.type == 'masked_phone' -%}
        {{ masked_phone_number(expression) }}
    {%- elif column.type == 'email' -%}
        case when contains({{ expression }}, '@') then lower({{ expression }}) end
    {%- elif column.type == 'integer' -%}
        case
            when regexp_full_match({{ expression }}, '[+-]?[0-9]{1,18}([.]0+)?')
                then try_cast(regexp_replace({{ expression }}, '[.]0+$', '') as bigint)
        end
    {%- elif column.type == 'money' -%}
        {{ exact_decimal(expression, 2) }}
    {%- elif column.type == 'minor_units' -%}
        case
            when regexp_full_match({{ expression }}, '[+-]?[0-9]{1,16}')
                then cast(cast({{ expression }} as decimal(16, 0)) * 0.01 as decimal(18, 2))
        end
    {%- elif column.type == 'boolean' -%}
        case lower({{ expression }})
            when 'true' then true
            when 'false' then false
            when '1' then true
            when '0' then false
        end
    {%- elif column.type in ('epoch_seconds', 'epoch_milliseconds', 'epoch_microseconds') -%}
        {%- set digits, scale = {
            'epoch_seconds': (10, 1000000), 'epoch_milliseconds': (13, 1000), 'epoch_microseconds': (16, 1),
        }[column.type] -%}
        case
            when regexp_full_match({{ expression }}, '[0-9]{ {{- digits - 1 }},{{ digits -}} }')
                then cast(make_timestamp(cast({{ expression }} as bigint) * {{ scale }}) as timestamp) at time zone 'UTC'
        end
    {%- elif column.type in ('price', 'decimal') -%}
        {{ exact_decimal(expression, 6) }}
    {%- elif column.type == 'timestamp' -%}
        case
            when regexp_full_match({{ expression }}, '(19|20)[0-9]{2}[-/].*(Z|[+-][0-9]{2}(:?[0-9]{2})?)')
                and length({{ expression }}) > 16
                then try_cast(replace(replace({{ expression }}, ' +', '+'), ' -', '-') as timestamptz)
            when regexp_full_match({{ expression }}, '(19|20)[0-9]{2}[-/].*')
                then {{ local_to_utc('try_cast(' ~ expression ~ ' as timestamp)', time_zone) }}
        end
    {%- elif column.type == 'date' -%}
        case
            when regexp_full_match({{ expression }}, '(19|20)[0-9]{2}[-/][0-9]{1,2}[-/][0-9]{1,2}')
                then try_cast({{ expression }} as date)
        end
    {%- else -%}
        {{ exceptions.raise_compiler_error("Unknown column type " ~ column.type ~ " in a source mapping.") }}
    {%- endif -%}
{%- endmacro %}


{#- Digits with optional thousands groups and at most `scale` decimals (further zeros allowed). -#}
{% macro exact_decimal(expression, scale) -%}
    case
        when regexp_full_match(
            {{ expression }},
            '[+-]?([0-9]*|[0-9]{1,3}(,[0-9]{3})+)([.][0-9]{0,{{ scale }}}0*)?'
        )
            then try_cast(replace({{ expression }}, ',', '') as decimal(18, {{ scale }}))
    end
{%- endmacro %}


{#- Why a value was refused, as one sentence; personal values are not repeated. -#}
{% macro refusal(name, column, raw, typed) -%}
    {%- set header = (column.get('header') or column.path) | string -%}
    {%- set header = (header ~ (('.' ~ column.key) if column.get('key') else '')).replace("'", "''") -%}
    {%- set label = '"' ~ header ~ '"' -%}
    {%- if header != name -%}
        {%- set label = label ~ ' (' ~ name ~ ')' -%}
    {%- endif -%}
    {%- if column.get('pii') -%}
        {%- set shown = "'a value'" -%}
    {%- else -%}
        {%- set shown = "'''' || left(" ~ raw ~ ", 60) || ''''" -%}
    {%- endif -%}
    {%- set expected = {
        'integer': 'not a whole number',
        'money': 'not an amount with at most two decimals',
        'price': 'not a number with at most six decimals',
        'decimal': 'not a number with at most six decimals',
        'minor_units': 'not a whole number of the smallest currency unit',
        'boolean': 'neither true nor false',
        'epoch_seconds': 'not a time in seconds since 1970',
        'epoch_milliseconds': 'not a time in milliseconds since 1970',
        'epoch_microseconds': 'not a time in microseconds since 1970',
        'timestamp': 'not a time such as 2024-03-01 12:30:00',
        'date': 'not a date such as 2024-03-01',
    } -%}
    case
        {%- if column.get('required') %}
            when {{ raw }} is null
                then 'Column {{ label }} is empty{{ " or not of the form that its mapping has" if column.get("pattern") }} but required.'
        {%- endif %}
        {%- if column.type == 'id' %}
            when regexp_full_match({{ raw }}, '[+-]?[0-9]([.][0-9]+[eE][+-]?|[eE][+-])[0-9]+')
                then 'Column {{ label }} holds ' || {{ shown }}
                    || ', an id in scientific notation whose digits are lost; export the column as text.'
        {%- elif column.type in expected %}
            when {{ raw }} is not null and {{ typed }} is null
                then 'Column {{ label }} holds ' || {{ shown }} || ', which is {{ expected[column.type] }}.'
        {%- endif %}
    end
{%- endmacro %}


{#- A refusal's sentence without the value it quotes, so that equal causes count together. -#}
{% macro without_values(reason) -%}
    regexp_replace({{ reason }}, 'holds ''.*?'', ', 'holds a value, ', 'g')
{%- endmacro %}
