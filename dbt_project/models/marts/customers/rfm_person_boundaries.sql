with measured as (
    select * from {{ ref('rfm_person_measures') }}
),

bounded as (
    {{ rfm_bounded('measured', ['business', 'as_of_date']) }}
)

select * from bounded
