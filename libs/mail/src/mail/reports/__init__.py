"""What mail servers report: delivery reports (DSN), what a refusal means for the address, feedback reports (ARF)."""
