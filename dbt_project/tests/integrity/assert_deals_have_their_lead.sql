{{ config(
    enabled=source_is_enabled('leads'), severity='warn', meta={'dagster': {'ref': {'name': 'fct_inquiries'}}}
) }}

-- Deals whose lead has not arrived (or is in quarantine): they join as soon as it comes. A warning, because the two
-- files of a CRM may come in any order.
select deals.lead_no
from {{ ref('int_leads__deals_classified') }} as deals
left join {{ ref('int_leads__leads_classified') }} as leads on deals.lead_no = leads.lead_no and leads.is_current
where deals.is_current and leads.lead_no is null
