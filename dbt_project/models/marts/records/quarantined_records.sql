with refused as (
    {{ union_classified(
        [
            'source_id', 'load_id', 'file_name', 'record_number', 'reject_reason', 'payload',
            'record_amount', 'received_at', 'is_in_older_file',
        ],
        "disposition = 'quarantined'"
    ) }}
)

select
    refused.source,
    refused.entity,
    refused.source_id,
    refused.load_id,
    refused.file_name,
    refused.record_number,
    refused.reject_reason as reason,
    refused.payload,
    refused.record_amount as amount,
    refused.received_at,
    refused.is_in_older_file as is_superseded,
    case
        when decided.event in ('corrected', 'dropped') then decided.event
        when original.event = 'undone' then 'taken_back'
    end as resolution,
    coalesce(decided.decided_by, original.decided_by) as decided_by,
    coalesce(decided.decided_at, original.decided_at) as decided_at,
    coalesce(decided.reason, original.reason) as decision_reason
from refused
left join {{ ref('int_quarantine_decisions') }} as decided
    on
        refused.source = decided.source
        and refused.entity = decided.entity
        and refused.source_id = decided.source_id
-- What was landed as a correction and taken back stands for its original, which is open again.
left join {{ ref('int_quarantine_decisions') }} as original
    on
        refused.source = original.source
        and refused.entity = original.entity
        and refused.file_name = 'corrections/' || original.source_id
