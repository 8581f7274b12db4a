//! The left side of a comparison, or a token of a format: a field, or something made of fields.

use capture_format::ReadError;
use capture_format::model::{Descriptor, DescriptorType, FdSource};

use crate::fields::{Argument, Field, Read, Type};
use crate::recording::Recording;
use crate::render::base64_decode;
use crate::syntax::Transformer;
use crate::value::{Value, owned};
use crate::view::{DescriptorView, KindView, RowView, ThreadView};

/// What a value depends on: it is the same for all events that share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// On nothing but the capture.
    Recording,
    Kind,
    Thread,
    Descriptor,
    /// On the descriptor, or on the whole row of an event without one.
    Path,
    Row,
}

impl Scope {
    /// The scope of something made of both.
    pub(crate) fn join(self, other: Scope) -> Scope {
        match (self, other) {
            (a, b) if a == b => a,
            (Scope::Recording, other) | (other, Scope::Recording) => other,
            (Scope::Descriptor, Scope::Path) | (Scope::Path, Scope::Descriptor) => Scope::Path,
            _ => Scope::Row,
        }
    }
}

/// Where a value is read: as narrow as its scope, or a whole row.
#[derive(Clone, Copy)]
pub(crate) enum At<'v, 'a> {
    Recording(&'v Recording<'a>),
    Kind(&'v Recording<'a>, Option<KindView<'a>>),
    Thread(&'v ThreadView<'a>),
    Descriptor(&'v Recording<'a>, Option<DescriptorView<'a>>),
    Row(&'v RowView<'a>),
}

impl<'a> At<'_, 'a> {
    fn recording(&self) -> &Recording<'a> {
        match self {
            At::Recording(recording) | At::Kind(recording, _) | At::Descriptor(recording, _) => recording,
            At::Thread(view) => &view.recording,
            At::Row(row) => &row.recording,
        }
    }

    fn kind(&self) -> Option<KindView<'a>> {
        match self {
            At::Kind(_, view) => *view,
            At::Row(row) => row.kind(),
            _ => None,
        }
    }

    fn descriptor(&self) -> Result<Option<DescriptorView<'a>>, ReadError> {
        Ok(match self {
            At::Descriptor(_, view) => *view,
            At::Row(row) => row.descriptor()?.map(|descriptor| DescriptorView { descriptor }),
            _ => None,
        })
    }
}

/// A field, or something made of fields.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    Field(&'static Field, Argument),
    Transform(Transformer, Vec<Access>),
    Text(Vec<u8>),
}

impl Access {
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Access::Text(_) => Scope::Recording,
            Access::Transform(_, of) => of.iter().map(Access::scope).fold(Scope::Recording, Scope::join),
            Access::Field(field, _) => match field.read {
                Read::Never | Read::Recording(_) => Scope::Recording,
                Read::Kind(_) => Scope::Kind,
                Read::Thread(_) => Scope::Thread,
                Read::Descriptor(_) => Scope::Descriptor,
                Read::Path(_) => Scope::Path,
                Read::Row(_) => Scope::Row,
            },
        }
    }

    /// Adds the fields in it.
    pub(crate) fn fields(&self, fields: &mut Vec<&'static Field>) {
        match self {
            Access::Text(_) => {}
            Access::Transform(_, of) => of.iter().for_each(|access| access.fields(fields)),
            Access::Field(field, _) => fields.push(field),
        }
    }

    /// Type of its values.
    pub(crate) fn kind(&self) -> Type {
        match self {
            Access::Field(field, _) => field.kind,
            Access::Text(_) => Type::Text,
            Access::Transform(Transformer::Len, _) => Type::Number,
            Access::Transform(Transformer::B64, _) => Type::Bytes,
            Access::Transform(Transformer::Val, of) => of[0].kind(),
            Access::Transform(..) => Type::Text,
        }
    }

    /// The value; `at` must be of its scope, or a row.
    pub(crate) fn read<'a>(&self, at: &At<'_, 'a>) -> Result<Option<Value<'a>>, ReadError> {
        Ok(match self {
            Access::Text(text) => Some(owned(text.as_slice())),
            Access::Transform(by, of) => {
                let mut values = Vec::with_capacity(of.len());
                for access in of {
                    match access.read(at)? {
                        Some(value) => values.push(value),
                        None => return Ok(None),
                    }
                }
                transform(*by, values)
            }
            Access::Field(field, argument) => match field.read {
                Read::Never => None,
                Read::Recording(read) => read(at.recording()),
                Read::Kind(read) => at.kind().and_then(|view| read(&view, argument)),
                Read::Thread(read) => match at {
                    At::Thread(view) => read(view, argument),
                    At::Row(row) => read(&row.thread()?, argument),
                    _ => None,
                },
                Read::Descriptor(read) => at.descriptor()?.and_then(|view| read(&view)),
                Read::Path(read) => match (at.descriptor()?, at) {
                    (Some(view), _) => read(&view),
                    (None, At::Row(row)) => {
                        let Some(descriptor) = failed_open(row)? else { return Ok(None) };
                        read(&DescriptorView { descriptor: &descriptor }).map(Value::into_owned)
                    }
                    (None, _) => None,
                },
                Read::Row(read) => match at {
                    At::Row(row) => read(row, argument)?,
                    _ => None,
                },
            },
        })
    }
}

/// What a call that makes a descriptor of a path would have opened.
pub(crate) fn failed_open(row: &RowView<'_>) -> Result<Option<Descriptor>, ReadError> {
    let Some(view) = row.kind().filter(|view| view.kind.fd == FdSource::Result) else { return Ok(None) };
    let Some(index) = view.paths().next() else { return Ok(None) };
    let Some(raw) = crate::render::raw_path(row, index)? else { return Ok(None) };
    let name = row.absolute_path(index)?.unwrap_or_else(|| raw.clone()).into_owned();
    Ok(Some(Descriptor {
        kind: DescriptorType::File,
        name,
        name_raw: raw.into_owned(),
        ..Descriptor::default()
    }))
}

/// Applies a transformer; `None` when it cannot be.
fn transform<'a>(by: Transformer, mut values: Vec<Value<'a>>) -> Option<Value<'a>> {
    match by {
        Transformer::Concat => {
            let mut joined = Vec::new();
            for value in &values {
                joined.extend_from_slice(value.bytes()?);
            }
            return Some(owned(joined));
        }
        Transformer::Join => {
            let mut parts: Vec<Vec<u8>> = Vec::new();
            for value in &values[1..] {
                match value {
                    Value::Any(inner) | Value::Ends(inner) => {
                        parts.extend(inner.iter().filter_map(|value| value.bytes().map(<[u8]>::to_vec)));
                    }
                    value => parts.push(value.bytes()?.to_vec()),
                }
            }
            return Some(owned(parts.join(values[0].bytes()?)));
        }
        _ => {}
    }
    match (by, values.pop()?) {
        (Transformer::Val, value) => Some(value),
        (by, Value::Any(inner)) => transform_each(by, inner).map(Value::Any),
        (by, Value::Ends(inner)) => transform_each(by, inner).map(Value::Ends),
        (by, value) => {
            let bytes = value.bytes()?;
            Some(match by {
                Transformer::ToLower => owned(bytes.to_ascii_lowercase()),
                Transformer::ToUpper => owned(bytes.to_ascii_uppercase()),
                Transformer::Basename => {
                    let start = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
                    owned(&bytes[start..])
                }
                Transformer::B64 => Value::Bytes(base64_decode(bytes)?.into()),
                Transformer::Len => Value::Uint(bytes.len() as u64),
                Transformer::Val | Transformer::Join | Transformer::Concat => return None,
            })
        }
    }
}

fn transform_each<'a>(by: Transformer, values: Vec<Value<'a>>) -> Option<Vec<Value<'a>>> {
    let values: Vec<_> = values.into_iter().filter_map(|value| transform(by, vec![value])).collect();
    (!values.is_empty()).then_some(values)
}
