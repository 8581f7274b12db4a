//! What is written is what is read: from a file, and from a pipe in pieces of any size.

use crate::common::{entities, host, kinds, loss, mark, read_file, read_pipe, small_capture, tally};
use capture_format::model::Entity;
use capture_format::{Capture, Segment, Step, StreamDecoder};

#[test]
fn a_capture_holds_what_was_written() {
    let (bytes, events) = small_capture();
    let (found, damage) = read_file(&bytes).expect("a capture");
    assert_eq!(damage, []);
    assert_eq!(found, events);

    let capture = Capture::open(bytes.as_slice()).expect("a capture");
    assert!(capture.is_finished());
    assert_eq!(capture.host(), Some(&host()));
    assert_eq!(capture.losses(), [loss()]);
    assert_eq!(capture.marks(), [mark()]);
    assert_eq!(capture.tallies(), [tally()]);
    assert_eq!(capture.blocks().len(), 2);
    assert_eq!(capture.verify().expect("readable"), []);
    for (number, kind) in kinds() {
        assert_eq!(capture.entities().kind(number), Some(&kind));
    }
    for (number, entity) in entities() {
        let entities = capture.entities();
        let found: Option<Entity> = match entity {
            Entity::Kind(_) => None,
            Entity::Thread(_) => entities.thread(number).cloned().map(Entity::from),
            Entity::Process(_) => entities.process(number).cloned().map(Entity::from),
            Entity::Descriptor(_) => entities.descriptor(number).cloned().map(Entity::from),
            Entity::Container(_) => entities.container(number).cloned().map(Entity::from),
            Entity::User(_) => entities.user(0).cloned().map(Entity::from),
            Entity::Group(_) => entities.group(0).cloned().map(Entity::from),
        };
        assert_eq!(found, Some(entity));
    }
}

#[test]
fn a_pipe_gives_the_same_whatever_the_size_of_its_pieces() {
    let (bytes, events) = small_capture();
    for step in [1, 7, 100, 4096, bytes.len()] {
        let (found, damage) = read_pipe(&bytes, step).expect("a capture");
        assert_eq!((found, damage), (events.clone(), Vec::new()), "{step} bytes at a time");
    }
}

#[test]
fn a_pipe_gives_each_segment_as_soon_as_it_is_complete() {
    let (bytes, _) = small_capture();
    let segments = Capture::open(bytes.as_slice()).expect("a capture").segments().to_vec();
    let mut decoder = StreamDecoder::new();
    let (mut seen, mut ended) = (0, false);
    for (offset, byte) in bytes.iter().enumerate() {
        decoder.push(&[*byte]);
        while let Step::Segment(segment) = decoder.step().expect("a capture") {
            let info = segments[seen];
            assert_eq!(info.offset + info.bytes, offset as u64 + 1, "{segment:?}");
            seen += 1;
            ended = matches!(segment, Segment::End);
        }
    }
    assert!(ended);
    assert_eq!(seen, segments.len());
}

#[test]
fn a_query_reads_only_the_columns_it_needs() {
    let (bytes, _) = small_capture();
    let capture = Capture::open(bytes.as_slice()).expect("a capture");
    let block = capture.block(0).expect("a block");
    let before = block.bytes_read();
    let kinds = block.kinds().expect("a column");
    assert_eq!(kinds.codes().len(), block.rows());
    assert!(before > 0);
    assert!(block.column_sizes().iter().map(|column| column.bytes_stored).sum::<u64>() > 0);
}
