"""What a deployment stands on: images, clusters, work pools, a store for demo and tests."""
