"""What the gateway costs: a mock engine, a load, and the processor time of what stands between them."""
