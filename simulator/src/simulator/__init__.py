"""The world around a school for trials: carriers that misbehave as told, parents with phones, real servers."""
