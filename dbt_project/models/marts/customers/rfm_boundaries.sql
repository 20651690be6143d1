-- A customer's score is one more than the number of boundaries below the value, so equal values always get the
-- same score, and a boundary that repeats (most customers order once) leaves a score empty.
with measured as (
    select * from {{ ref('rfm_measures') }}
),

bounded as (
    {{ rfm_bounded('measured', ['business']) }}
)

select * from bounded
