//! A format taken apart by what its parts depend on.

use crate::fields::{Argument, Field};
use crate::filter::{Access, Scope};
use crate::print::format::{Format, Token};
use crate::print::write::NumberStyle;
use crate::print::{OutputStyle, PrintOptions};
use crate::render::write_json_string;

/// A value to be written.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) access: Access,
    pub(super) source: Source,
    pub(super) style: NumberStyle,
    pub(super) width: Option<usize>,
}

/// Values of rows that are written without being made first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Read, then written.
    Value,
    Number,
    Cpu,
    /// `evt.rawres`.
    Result,
    Latency,
    OutputTime,
    /// ns since the epoch; in JSON also for times that are shown otherwise in text.
    WallTime,
    /// Time of day.
    ClockTime,
    Info,
    Argument(Argument),
}

/// A piece of a line.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Value(Part),
}

/// Neighbouring pieces that depend on the same.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) scope: Scope,
    pub(super) pieces: Vec<Piece>,
}

fn source(access: &Access, json: bool) -> Source {
    let Access::Field(Field { name, .. }, argument) = access else { return Source::Value };
    match *name {
        "evt.num" => Source::Number,
        "evt.cpu" => Source::Cpu,
        "evt.outputtime" | "evt.time" if json => Source::WallTime,
        "evt.outputtime" => Source::OutputTime,
        "evt.time" => Source::ClockTime,
        "evt.rawtime" => Source::WallTime,
        "evt.rawres" => Source::Result,
        "evt.latency" => Source::Latency,
        "evt.info" | "evt.args" => Source::Info,
        "evt.arg" => Source::Argument(argument.clone()),
        _ => Source::Value,
    }
}

fn part(access: &Access, width: Option<usize>, json: bool) -> Part {
    let source = source(access, json);
    Part { access: access.clone(), source, style: NumberStyle::of(access), width }
}

/// The pieces of a line of text.
fn text_pieces(format: &Format) -> Vec<Piece> {
    let pieces = format.tokens.iter().map(|token| match token {
        Token::Text(text) => Piece::Text(text.clone()),
        Token::Value { access, width, .. } => Piece::Value(part(access, *width, false)),
    });
    pieces.chain([Piece::Text(b"\n".to_vec())]).collect()
}

/// The pieces of a JSON object: fields by name, each once.
fn json_pieces(format: &Format) -> Vec<Piece> {
    let mut values: Vec<(&String, &Access)> = format
        .tokens
        .iter()
        .filter_map(|token| match token {
            Token::Value { access, name, .. } => Some((name, access)),
            Token::Text(_) => None,
        })
        .collect();
    values.sort_by_key(|(name, _)| *name);
    values.dedup_by_key(|(name, _)| *name);
    let mut pieces = Vec::new();
    for (index, (name, access)) in values.into_iter().enumerate() {
        let mut key = if index == 0 { b"{".to_vec() } else { b",".to_vec() };
        write_json_string(&mut key, name.as_bytes());
        key.push(b':');
        pieces.extend([Piece::Text(key), Piece::Value(part(access, None, true))]);
    }
    let end: &[u8] = if pieces.is_empty() { b"{}\n" } else { b"}\n" };
    pieces.push(Piece::Text(end.to_vec()));
    pieces
}

/// Takes a format apart. Plain text joins the segment before it, so that it is copied along with it.
pub(super) fn segments(format: &Format, options: &PrintOptions) -> Vec<Segment> {
    let pieces = match options.output {
        OutputStyle::Text => text_pieces(format),
        OutputStyle::Json => json_pieces(format),
    };
    let mut segments: Vec<Segment> = Vec::new();
    for piece in pieces {
        let scope = match &piece {
            Piece::Text(_) => Scope::Recording,
            Piece::Value(part) => part.access.scope(),
        };
        match segments.last_mut() {
            // An event without a descriptor is read from its row: nothing else may be kept with that.
            Some(last) if joins(last.scope, scope) => {
                last.scope = last.scope.join(scope);
                last.pieces.push(piece);
            }
            _ => segments.push(Segment { scope, pieces: vec![piece] }),
        }
    }
    segments
}

fn joins(last: Scope, scope: Scope) -> bool {
    last == scope || scope == Scope::Recording || last == Scope::Recording
}
