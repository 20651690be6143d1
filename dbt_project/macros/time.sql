{#- Times are UTC inside; these macros are the only places that cross into a zone or a business date. -#}

{% macro business_time_zone() -%}
    {{ env_var('FOURFLOW_BUSINESS_TIME_ZONE', 'Asia/Shanghai') }}
{%- endmacro %}

{#- A local time without zone, said in `time_zone`, as an instant. -#}
{% macro local_to_utc(expression, time_zone) -%}
    ({{ expression }}) at time zone '{{ time_zone }}'
{%- endmacro %}

{#- The business date on which an instant falls. -#}
{% macro business_date(expression) -%}
    cast(({{ expression }}) at time zone '{{ business_time_zone() }}' as date)
{%- endmacro %}

{#- The instant at which a business date ends. -#}
{% macro end_of_business_date(expression) -%}
    cast({{ expression }} + 1 as timestamp) at time zone '{{ business_time_zone() }}'
{%- endmacro %}

{#- Exact durations on the instant itself: calendar arithmetic on timestamptz is a hundred times slower. -#}
{% macro hours_later(expression, hours) -%}
    make_timestamptz(epoch_us({{ expression }}) + {{ hours }} * 3600000000)
{%- endmacro %}

{% macro days_later(expression, days) -%}
    make_timestamptz(epoch_us({{ expression }}) + {{ days }} * 86400000000)
{%- endmacro %}

{#- Hour of day (0 to 23) and ISO weekday (1 = Monday) in the business zone. -#}
{% macro business_hour(expression) -%}
    extract('hour' from ({{ expression }}) at time zone '{{ business_time_zone() }}')
{%- endmacro %}

{% macro business_weekday(expression) -%}
    extract('isodow' from ({{ expression }}) at time zone '{{ business_time_zone() }}')
{%- endmacro %}

{#- Full days of 24 hours from one instant to a later one. -#}
{% macro whole_days_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }})) // 86400000000
{%- endmacro %}

{#- One row per date from `first` to `last`, both columns of `relation`, beside the columns `keep`. -#}
{% macro dates_between(relation, keep, first, last) -%}
    select
        {{ keep | join(',\n        ') }},
        cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as business_date
    from {{ relation }}
{%- endmacro %}

{#- Calendar months from one date to another: 1 from 31 January to 1 February. -#}
{% macro months_between(earlier, later) -%}
    (
        (extract('year' from {{ later }}) - extract('year' from {{ earlier }})) * 12
        + extract('month' from {{ later }}) - extract('month' from {{ earlier }})
    )
{%- endmacro %}

{#- The first of a month, some months later. -#}
{% macro months_later(month, months) -%}
    cast({{ month }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{#- An instant so many microseconds after another. -#}
{% macro microseconds_later(expression, microseconds) -%}
    make_timestamptz(epoch_us({{ expression }}) + {{ microseconds }})
{%- endmacro %}

{#- Whole seconds from one instant to a later one. -#}
{% macro seconds_between(earlier, later) -%}
    ((epoch_us({{ later }}) - epoch_us({{ earlier }})) // 1000000)
{%- endmacro %}

{#- The first day of the month of a date. -#}
{% macro month_of(expression) -%}
    cast(date_trunc('month', {{ expression }}) as date)
{%- endmacro %}

{#- The first day of the quarter of a date. -#}
{% macro quarter_of(expression) -%}
    cast(date_trunc('quarter', {{ expression }}) as date)
{%- endmacro %}

{#- The business date that runs or ends at an instant: midnight belongs to the day before it. -#}
{% macro day_until(expression) -%}
    {{ business_date('make_timestamptz(epoch_us(' ~ expression ~ ') - 1)') }}
{%- endmacro %}

{#- Whole minutes from one instant to a later one. -#}
{% macro whole_minutes_between(earlier, later) -%}
    ({{ seconds_between(earlier, later) }} // 60)
{%- endmacro %}
