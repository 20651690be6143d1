"""What pages share on screen: filters, words, formats, cards, tables and states."""
