{#- The part of an amount that belongs to the first `part` of `whole` units, to the cent, exactly: integer
    arithmetic on cents (a decimal quotient would become binary floating point), halves away from zero. -#}
{% macro running_share(amount, part, whole) -%}
    cast(
        cast(
            sign({{ amount }}) * (
                (2 * cast(abs({{ amount }}) * 100 as hugeint) * {{ part }} + {{ whole }}) // (2 * {{ whole }})
            ) as decimal(38, 0)
        ) * 0.01 as decimal(18, 2)
    )
{%- endmacro %}
