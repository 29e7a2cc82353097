"""The training: its two stages (`stage1_seeing`, `stage2_speaking`) and what they are made of."""
