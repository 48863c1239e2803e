"""The batch of an idle peer, one write, is encoded by hand: byte for byte as the columns are."""

from hypothesis import given
from hypothesis import strategies as st

from gossamer.crdt.dots import Dot
from gossamer.crdt.writes import Batch, Write
from gossamer.wire.codec import decode_batch, encode_batch
from gossamer.wire.columns import batch_columns, encode_batch_columns
from gossamer.wire.strict import encode

origins = st.binary(min_size=12, max_size=12)
sequences = st.integers(1, 1 << 53)


@given(
    origins,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.none() | st.binary(max_size=300),
    st.integers(0, (1 << 62) - 1),
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.sampled_from([0, 4, 2 | 1 << 16, 1 << 3]),
    st.lists(st.tuples(origins, sequences).map(lambda pair: Dot(*pair)), max_size=4),
)
def test_a_lone_write_has_the_bytes_of_a_column_of_one(origin, key, value, stamp, after, more, meta, past):
    meta = 0 if value is None else meta
    write = Write(stamp, origin, after + more, value, meta)
    batch = Batch(origin, after, after + more, [key], [write], {0: tuple(past)} if past else {})

    assert encode_batch_columns(batch) == encode(batch_columns(batch))

    assert decode_batch(encode_batch(batch, b"tag0")) == batch
