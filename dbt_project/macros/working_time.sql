{#- Working time, beside a join with `fct_calendar_days` for the business date of each instant. -#}

{#- The key of a calendar's day. Two days of one row are looked up by it alone: joined by calendar and date, the
    calendars' days would be joined with each other first. -#}
{% macro calendar_day_key(calendar, business_date) -%}
    {{ calendar }} || ':' || cast({{ business_date }} as varchar)
{%- endmacro %}

{#- An instant, as a minute of a business date. -#}
{% macro minute_of_business_date(business_date, minute) -%}
    make_timestamptz(
        epoch_us({{ local_to_utc('cast(' ~ business_date ~ ' as timestamp)', business_time_zone()) }})
        + cast({{ minute }} as bigint) * 60000000
    )
{%- endmacro %}

{#- Open seconds of the calendar from its first day to the instant. -#}
{% macro working_seconds_at(instant, day) -%}
    ({{ day }}.seconds_before + least(
        greatest((epoch_us({{ instant }}) - epoch_us({{ day }}.opens_at)) // 1000000, 0), {{ day }}.open_seconds
    ))
{%- endmacro %}
