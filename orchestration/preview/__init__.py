"""What an analyst's change of the dbt project would move: built on a copy of the lake."""
