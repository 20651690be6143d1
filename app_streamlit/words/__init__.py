"""What pages say of figures: sentences and frames of tables, computed and not drawn."""
