"""Who and what is let in: key, media type, JSON, types, ranges, money, limits. And what a refusal says."""
