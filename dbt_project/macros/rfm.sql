{#- RFM in three steps, for whatever buys: an account as of now, a person at the end of every month. `keys` are the
    columns that make one scale: customers are compared within them. -#}

{#- What one order document adds to its customer's monetary value (variable rfm_monetary_basis). -#}
{% macro rfm_amount() -%}
    {%- if var('rfm_monetary_basis') == 'gross' -%}
        gross_amount
    {%- elif var('rfm_monetary_basis') == 'net' -%}
        net_amount
    {%- else -%}
        {{ exceptions.raise_compiler_error("rfm_monetary_basis must be net or gross.") }}
    {%- endif -%}
{%- endmacro %}


{#- Recency, frequency and monetary value of every `entity` with a purchase, as of each date: `documents` are rows of
    `fct_person_orders`, `dates` have business, as_of_date and previous_date (null on the first). A document counts
    from its day until variable rfm_window_days (0 = for ever) later. Amounts are those of the currency that most of
    the purchases have. -#}
{% macro rfm_measured(documents, entity, dates) -%}
    {%- set window_days = var('rfm_window_days') -%}
    with entries as (
        select
            business,
            {{ entity }},
            currency_code,
            created_on as counts_on,
            case when is_purchase then 1 else 0 end as purchases,
            1 as documents,
            {{ rfm_amount() }} as amount,
            case when is_purchase then created_at end as purchased_at,
            case when is_purchase then created_on end as purchased_on
        from {{ documents }}
        where {{ entity }} is not null
        {%- if window_days %}
        union all
        select
            business,
            {{ entity }},
            currency_code,
            created_on + {{ window_days }} as counts_on,
            case when is_purchase then -1 else 0 end as purchases,
            -1 as documents,
            -{{ rfm_amount() }} as amount,
            null as purchased_at,
            null as purchased_on
        from {{ documents }}
        where {{ entity }} is not null
        {%- endif %}
    ),

    changes as (
        select
            entries.business,
            entries.{{ entity }},
            entries.currency_code,
            dates.as_of_date,
            sum(entries.purchases) as purchases,
            sum(entries.documents) as documents,
            sum(entries.amount) as amount,
            min(entries.purchased_at) as first_order_at,
            max(entries.purchased_at) as last_order_at,
            max(entries.purchased_on) as last_order_on
        from entries
        inner join {{ dates }} as dates
            on
                entries.business = dates.business
                and entries.counts_on <= dates.as_of_date
                and (dates.previous_date is null or entries.counts_on > dates.previous_date)
        group by entries.business, entries.{{ entity }}, entries.currency_code, dates.as_of_date
    ),

    standings as (
        select
            business,
            {{ entity }},
            currency_code,
            as_of_date,
            sum(purchases) over so_far as purchases,
            sum(documents) over so_far as documents,
            sum(amount) over so_far as amount,
            min(first_order_at) over so_far as first_order_at,
            max(last_order_at) over so_far as last_order_at,
            max(last_order_on) over so_far as last_order_on,
            lead(as_of_date) over (partition by business, {{ entity }}, currency_code order by as_of_date) as until_date
        from changes
        window so_far as (partition by business, {{ entity }}, currency_code order by as_of_date)
    ),

    at_dates as (
        select
            standings.business,
            standings.{{ entity }},
            dates.as_of_date,
            standings.currency_code,
            standings.amount,
            min(standings.first_order_at) over entity_at as first_order_at,
            max(standings.last_order_at) over entity_at as last_order_at,
            max(standings.last_order_on) over entity_at as last_order_on,
            sum(standings.purchases) over entity_at as purchases,
            row_number() over (
                partition by standings.business, standings.{{ entity }}, dates.as_of_date
                order by standings.purchases desc, standings.documents desc, standings.currency_code asc
            ) as currency_rank
        from standings
        inner join {{ dates }} as dates
            on
                standings.business = dates.business
                and dates.as_of_date >= standings.as_of_date
                and (standings.until_date is null or dates.as_of_date < standings.until_date)
        window entity_at as (partition by standings.business, standings.{{ entity }}, dates.as_of_date)
    )

    select
        business,
        as_of_date,
        {{ entity }},
        currency_code,
        first_order_at,
        last_order_at,
        cast(as_of_date - last_order_on as integer) as rfm_recency,
        cast(purchases as integer) as rfm_frequency,
        cast(amount as decimal(18, 2)) as rfm_monetary
    from at_dates
    where currency_rank = 1 and purchases > 0
{%- endmacro %}


{#- The boundary k of n bins is the smallest value that at least k/n of the customers do not exceed. Days and counts
    compare over all currencies (`*`), amounts within one. -#}
{% macro rfm_bounded(measured, keys) -%}
    with boundary_numbers as (
        {{ whole_numbers_below(var('rfm_bins'), 'boundary_number') }}
    ),

    metric_values as (
        {%- for metric in ['recency', 'frequency', 'monetary'] %}
        select
            {{ keys | join(', ') }},
            {% if metric == 'monetary' %}currency_code{% else %}'*'{% endif %} as currency_code,
            '{{ metric }}' as metric,
            cast(rfm_{{ metric }} as decimal(18, 2)) as metric_value
        from {{ measured }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ),

    ranked as (
        select
            {{ keys | join(', ') }},
            currency_code,
            metric,
            metric_value,
            row_number() over (
                partition by {{ keys | join(', ') }}, currency_code, metric order by metric_value
            ) as value_rank,
            count(*) over (partition by {{ keys | join(', ') }}, currency_code, metric) as value_count
        from metric_values
    ),

    -- The values with which the number of boundaries reached rises; all others need not be compared with each.
    rising as (
        select *
        from ranked
        where
            value_rank * {{ var('rfm_bins') }} // value_count
            > (value_rank - 1) * {{ var('rfm_bins') }} // value_count
    )

    select
        {% for key in keys %}rising.{{ key }},
        {% endfor -%}
        rising.currency_code,
        rising.metric,
        cast(boundary_numbers.boundary_number as integer) as boundary_number,
        min(rising.metric_value) as boundary_value,
        cast(max(rising.value_count) as bigint) as customer_count
    from rising
    inner join boundary_numbers
        on rising.value_rank * {{ var('rfm_bins') }} >= rising.value_count * boundary_numbers.boundary_number
    group by {% for key in keys %}rising.{{ key }}, {% endfor %}rising.currency_code, rising.metric, boundary_numbers.boundary_number
{%- endmacro %}


{#- How many boundaries of a metric a value has crossed; `scale` is a row of the pivoted boundaries. -#}
{% macro rfm_crossed(value, scale) -%}
    (
        {%- for number in range(1, var('rfm_bins')) %}
        case when {{ value }} > {{ scale }}.boundary_{{ number }} then 1 else 0 end
        {%- if not loop.last %} +{% endif %}
        {%- endfor %}
    )
{%- endmacro %}


{#- The measures with their scores (1 to rfm_bins, high is good) and the segment of the grid, which is read at the
    nearest of its five levels. -#}
{% macro rfm_scored(measured, boundaries, grid, keys) -%}
    {%- set bins = var('rfm_bins') -%}
    with scales as (
        select
            {{ keys | join(', ') }},
            currency_code,
            metric,
            {%- for number in range(1, bins) %}
            max(case when boundary_number = {{ number }} then boundary_value end) as boundary_{{ number }}
            {%- if not loop.last %},{% endif %}
            {%- endfor %}
        from {{ boundaries }}
        group by {{ keys | join(', ') }}, currency_code, metric
    ),

    scored as (
        select
            measured.*,
            cast({{ bins }} - {{ rfm_crossed('measured.rfm_recency', 'recency') }} as integer) as rfm_recency_score,
            cast(1 + {{ rfm_crossed('measured.rfm_frequency', 'frequency') }} as integer) as rfm_frequency_score,
            cast(1 + {{ rfm_crossed('measured.rfm_monetary', 'monetary') }} as integer) as rfm_monetary_score
        from {{ measured }} as measured
        {%- for metric in ['recency', 'frequency', 'monetary'] %}
        inner join scales as {{ metric }}
            on
                {{ metric }}.metric = '{{ metric }}'
                and {{ metric }}.currency_code = {% if metric == 'monetary' %}measured.currency_code{% else %}'*'{% endif %}
                {%- for key in keys %}
                and measured.{{ key }} = {{ metric }}.{{ key }}
                {%- endfor %}
        {%- endfor %}
    )

    select
        scored.*,
        grid.segment as rfm_segment
    from scored
    left join {{ grid }} as grid
        on
            (scored.rfm_recency_score * 5 + {{ bins }} - 1) // {{ bins }} = grid.recency_score
            and (scored.rfm_frequency_score * 5 + {{ bins }} - 1) // {{ bins }} = grid.frequency_score
{%- endmacro %}
