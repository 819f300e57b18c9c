"""The security baseline: what is asked of every API, whatever standard it speaks (docs/security-baseline.md)."""
