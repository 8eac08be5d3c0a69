"""The demonstration: the whole main job on real servers, told as a story and checked line by line."""
