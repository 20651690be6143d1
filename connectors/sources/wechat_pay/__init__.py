"""WeChat Pay bills and payment notifications, API v3."""
