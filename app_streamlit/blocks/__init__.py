"""Parts of pages that draw and ask: forms, tables with their buttons, views."""
