{{ config(meta={'dagster': {'ref': {'name': 'rpt_conservation'}}}) }}

-- A source or entity with a mapping that the variable `source_entities` forgets would be loaded and never counted.
{{ unlisted_entities() }}
