"""Any dlt source, verified or your own, as a source of Fourflow: no code here knows a platform."""
