//! A change of the format cannot hide: every constant of it, printed, is compared with text written by hand.

use crate::block::{self, time};
use crate::codec::{ints, payload};
use crate::entity;
use crate::index::{END_BYTES, END_PAYLOAD_BYTES};
use crate::model::{DescriptorType, Role};
use crate::segment::{
    HEADER_BYTES, MAGIC, PAYLOAD_BYTES_MAX, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentType, VERSION,
};

const EXPECTED: &str = "\
version 1
file header 32 bytes, magic [137, 82, 69, 69, 76, 13, 10, 26]
segment header 96 bytes, magic [245, 83, 69, 71], payload at most 536870912
end 128 bytes, payload 32
types host 1 entities 2 events 3 counts 4 marks 5 index 6 end 7
payload prefix 12, directory at most 268435456, chunk 67108864, all 268435456, columns 1048576, parts 4194304
ints const 0 planes 1 bins 2 dict 3, escape 255
times global 0 thread 1, bias 1099511627776, own column from 512 rows
block 65536 rows, columns time 0 cpu 1 kind 2 thread 3 descriptor 4 names 5 data 6, kinds from 7
arguments ints 0 names 1 data 2
entities 262144 of a class, items 4194304, bytes of text 33554432
";

fn printed() -> String {
    let types = [
        SegmentType::Host,
        SegmentType::Entities,
        SegmentType::Events,
        SegmentType::Counts,
        SegmentType::Marks,
        SegmentType::Index,
        SegmentType::End,
    ];
    let types: Vec<String> = types.iter().map(|kind| format!("{} {}", kind.name(), kind.number())).collect();
    [
        format!("version {VERSION}"),
        format!("file header {HEADER_BYTES} bytes, magic {MAGIC:?}"),
        format!(
            "segment header {SEGMENT_HEADER_BYTES} bytes, magic {SEGMENT_MAGIC:?}, payload at most {PAYLOAD_BYTES_MAX}"
        ),
        format!("end {END_BYTES} bytes, payload {END_PAYLOAD_BYTES}"),
        format!("types {}", types.join(" ")),
        format!(
            "payload prefix {}, directory at most {}, chunk {}, all {}, columns {}, parts {}",
            payload::PREFIX_BYTES,
            payload::DIRECTORY_BYTES_MAX,
            payload::CHUNK_BYTES_MAX,
            payload::PAYLOAD_RAW_BYTES_MAX,
            payload::COLUMNS_MAX,
            payload::PARTS_MAX
        ),
        format!(
            "ints const {} planes {} bins {} dict {}, escape {}",
            ints::TAG_CONST,
            ints::TAG_PLANES,
            ints::TAG_BINS,
            ints::TAG_DICT,
            ints::BIN_ESCAPE
        ),
        format!(
            "times global {} thread {}, bias {}, own column from {} rows",
            time::TAG_GLOBAL,
            time::TAG_THREAD,
            time::GAP_BIAS,
            time::KIND_ROWS_OWN
        ),
        format!(
            "block {} rows, columns time {} cpu {} kind {} thread {} descriptor {} names {} data {}, kinds from {}",
            block::BLOCK_ROWS_MAX,
            block::COLUMN_TIME,
            block::COLUMN_CPU,
            block::COLUMN_KIND,
            block::COLUMN_THREAD,
            block::COLUMN_DESCRIPTOR,
            block::COLUMN_NAMES,
            block::COLUMN_DATA,
            block::COLUMNS_COMMON
        ),
        format!("arguments ints {} names {} data {}", block::ARG_INTS, block::ARG_NAMES, block::ARG_DATA),
        format!(
            "entities {} of a class, items {}, bytes of text {}",
            entity::ENTITIES_MAX,
            entity::ITEMS_MAX,
            entity::TEXT_BYTES_MAX
        ),
        String::new(),
    ]
    .join("\n")
}

#[test]
fn the_constants_are_those_of_version_1() {
    assert_eq!(
        printed(),
        EXPECTED,
        "a changed constant needs a new version, a fixture and a line in docs/format.md"
    );
}

#[test]
fn the_document_states_the_same() {
    let document = include_str!("../../docs/format.md");
    for (kind, name) in [
        (SegmentType::Host, "host"),
        (SegmentType::Entities, "entities"),
        (SegmentType::Events, "events"),
        (SegmentType::Marks, "marks"),
        (SegmentType::Index, "index"),
        (SegmentType::End, "end"),
    ] {
        assert!(document.contains(&format!("| {} | {name} |", kind.number())), "type {name}");
    }
    let power = |of_two: usize| format!("2^{}", of_two.ilog2());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    for stated in [
        format!("`{}`", hex(&MAGIC)),
        format!("`{}`", hex(&SEGMENT_MAGIC)),
        format!("| {SEGMENT_HEADER_BYTES} | | payload |"),
        format!("{END_BYTES} bytes before the end of the file"),
        format!("Up to {} events", block::BLOCK_ROWS_MAX),
        format!("at least {} rows", time::KIND_ROWS_OWN),
        format!("{} another socket |", DescriptorType::Socket as u8),
        format!("{} perf event,", DescriptorType::PerfEvent as u8),
        format!("{} client, {} server |", Role::Client as u8, Role::Server as u8),
        format!("{} columns and {} parts", power(payload::COLUMNS_MAX), power(payload::PARTS_MAX)),
        format!("all texts of a segment's definitions have at most {} bytes", power(entity::TEXT_BYTES_MAX)),
    ] {
        assert!(document.contains(&stated), "docs/format.md does not say: {stated}");
    }
}
