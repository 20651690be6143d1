{#- What the models of carriers' scans share. -#}


{#- A carrier's name as seed `carrier_names` writes it; connectors/sources/api/carriers.py does the same. -#}
{% macro carrier_key(name) -%}
    regexp_replace(lower({{ name }}), '[\s()（）]', '', 'g')
{%- endmacro %}


{#- The family that an unlisted Kuaidi100 code belongs to: four digits 100x belong to state 0, others to their
    first digit. -#}
{% macro kuaidi100_family(code) -%}
    case
        when regexp_full_match({{ code }}, '100[0-9]') then '0'
        when regexp_full_match({{ code }}, '[0-9]{3,4}') then left({{ code }}, 1)
    end
{%- endmacro %}


{#- What makes a scan that scan, however often and by whichever way it is told. -#}
{% macro scan_key(source_name) -%}
    '{{ source_name }}:' || md5(concat_ws(
        chr(31),
        coalesce(carrier, ''),
        tracking_no,
        cast(epoch_us(scanned_at) as varchar),
        coalesce(source_code, ''),
        coalesce(description, '')
    ))
{%- endmacro %}
