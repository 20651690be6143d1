{%- set identifiers = {
    'open_uid': 'open_uid', 'union_id': 'union_id', 'email': 'email_token', 'phone': 'phone_token',
} -%}

with accounts as (
    select * from {{ ref('int_customer_accounts') }}
)

{% for identifier_type, column in identifiers.items() -%}
select
    business,
    '{{ identifier_type }}' as identifier_type,
    {{ column }} as identifier,
    customer_key,
    full_name_token,
    first_known_at,
    first_seen_at,
    known_at
from accounts
where {{ column }} is not null
{% if not loop.last -%}
union all
{% endif -%}
{%- endfor %}
