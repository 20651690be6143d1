"""Receives what platforms push, keeps it safely, and moves it into bronze."""
