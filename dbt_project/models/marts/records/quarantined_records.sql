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
    source,
    entity,
    source_id,
    load_id,
    file_name,
    record_number,
    reject_reason as reason,
    payload,
    record_amount as amount,
    received_at,
    is_in_older_file as is_superseded
from refused
