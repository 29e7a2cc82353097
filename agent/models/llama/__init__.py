"""Qwen3-VL from GGUF files, by llama.cpp in a process of its own."""
