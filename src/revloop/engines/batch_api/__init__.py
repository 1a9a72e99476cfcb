"""The engine for a provider's batch API: jobs of many requests, at half the price, within hours."""
