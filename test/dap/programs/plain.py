"""A program without any tensor."""
numbers = [1.0, float("nan")]
breakpoint()
print("done", len(numbers))
