"""The catalog: functions that can be steps, from everywhere, listed without importing what they are in."""
