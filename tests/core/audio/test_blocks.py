import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sound_files import noise

from lasaft_core.audio.blocks import BlockQueue, regroup

LENGTHS = st.lists(st.integers(0, 50), max_size=20)


@given(LENGTHS, st.integers(1, 60))
def test_regrouped_blocks_are_the_same_samples(lengths, frames):
    samples = noise(sum(lengths))
    pieces = np.split(samples, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(regroup(pieces, frames))
    assert all(len(block) == frames for block in blocks[:-1])
    assert all(0 < len(block) <= frames for block in blocks)
    np.testing.assert_array_equal(np.concatenate([*blocks, samples[:0]]), samples)


@given(LENGTHS, LENGTHS)
def test_the_queue_gives_back_in_order(put_lengths, take_lengths):
    samples = noise(sum(put_lengths))
    queue = BlockQueue(2)
    for piece in np.split(samples, np.cumsum(put_lengths)[:-1]) if put_lengths else []:
        queue.put(piece)
    taken = [queue.take(length) for length in take_lengths]
    whole = np.concatenate([*taken, queue.take(10**6)])
    np.testing.assert_array_equal(whole, samples)
