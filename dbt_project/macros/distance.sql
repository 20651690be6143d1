{#- Great-circle distance in km between two points in degrees (WGS 84), by the haversine formula on a sphere of the
    Earth's mean radius. -#}
{% macro great_circle_km(from_latitude, from_longitude, to_latitude, to_longitude) -%}
    2 * 6371.0088 * asin(sqrt(
        power(sin(radians({{ to_latitude }} - {{ from_latitude }}) / 2), 2)
        + cos(radians({{ from_latitude }})) * cos(radians({{ to_latitude }}))
        * power(sin(radians({{ to_longitude }} - {{ from_longitude }}) / 2), 2)
    ))
{%- endmacro %}
