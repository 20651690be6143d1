"""Pure charts: a frame in, a Plotly figure out; no Streamlit, no query."""
