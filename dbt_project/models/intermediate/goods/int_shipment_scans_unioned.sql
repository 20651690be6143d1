{{ config(materialized='incremental', meta={'tells': 'parcels'}) }}

{%- set numbered_scans -%}
    select
        *,
        upper(tracking_no) as parcel_no
    from (
        {{ union_sources('shipment_scans') }}
    ) as scans
{%- endset %}

-- Two ways of asking may tell one scan; within a source it is one row already. A scanner whose clock is ahead writes
-- a time at which nobody could know of the scan yet: such a scan happened at the latest when it was received.
with scans as (
    {{ changed_rows(numbered_scans, ['business', 'parcel_no']) }}
)

select
    *,
    least(scanned_at, known_at) as happened_at,
    scanned_at > known_at as is_ahead_of_receipt
from scans
