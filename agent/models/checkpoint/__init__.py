"""Models that run in this process: Qwen3-VL checkpoints with transformers."""
