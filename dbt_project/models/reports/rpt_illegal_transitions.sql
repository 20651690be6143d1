select
    changes.status_change_key,
    changes.document_type,
    changes.document_key,
    changes.business,
    changes.source,
    changes.from_status,
    changes.to_status,
    changes.changed_at,
    changes.known_at
from {{ ref('fct_status_changes') }} as changes
left join {{ ref('order_transitions') }} as legal
    on
        changes.document_type = legal.document_type
        and changes.from_status = legal.from_status
        and changes.to_status = legal.to_status
where legal.document_type is null
