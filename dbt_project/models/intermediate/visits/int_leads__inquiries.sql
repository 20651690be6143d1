{{ config(enabled=source_is_enabled('leads')) }}

-- A lead is an inquiry whose answer is a deal; both files may come in any order.
select
    'leads' as source,
    coalesce(leads.origin, 'unknown') as channel,
    leads.lead_no as inquiry_no,
    'lead' as inquiry_type,
    cast(null as varchar) as customer_token,
    coalesce(deals.agent, deals.first_agent) as agent,
    leads.contacted_at as asked_at,
    cast(null as timestamptz) as first_replied_at,
    cast(null as varchar) as sku,
    cast(null as varchar) as order_no,
    deals.won_at,
    greatest(leads.received_at, deals.received_at) as known_at
from {{ ref('int_leads__leads_classified') }} as leads
left join {{ ref('int_leads__deals_classified') }} as deals on leads.lead_no = deals.lead_no and deals.is_current
where leads.is_current
