"""What the product needs from the outside, as protocols; adapters answer, wiring chooses."""
