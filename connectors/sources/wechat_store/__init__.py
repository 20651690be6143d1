"""WeChat Store shops (微信小店, 视频号小店), read through WeChat's open platform."""
