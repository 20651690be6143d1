with accounts as (
    select
        person_accounts.person_key,
        person_accounts.is_first_account,
        person_accounts.match_probability,
        accounts.*,
        coalesce(province_names.province, accounts.province_name) as province
    from {{ ref('person_accounts') }} as person_accounts
    inner join {{ ref('int_customer_accounts') }} as accounts
        on person_accounts.customer_key = accounts.customer_key
    left join {{ ref('province_names') }} as province_names
        on accounts.province_name = province_names.name
)

select
    person_key,
    min(business) as business,
    max(source) filter (where is_first_account) as first_source,
    max(channel) filter (where is_first_account) as first_channel,
    cast(count(*) as bigint) as account_count,
    cast(count(distinct source || ':' || channel) as bigint) as channel_count,
    min(registered_at) as registered_at,
    min(first_seen_at) as first_seen_at,
    min(first_known_at) as first_known_at,
    max(known_at) as known_at,
    min(match_probability) as weakest_match_probability,
    arg_max(full_name_token, (known_at, customer_key)) as name_token,
    arg_max(phone_token, (known_at, customer_key)) as phone_token,
    arg_max(email_token, (known_at, customer_key)) as email_token,
    arg_max(province, (known_at, customer_key)) as province
from accounts
group by person_key
