"""What a deployment stands on: pins, an image, a compose file, a store for demo and tests."""
