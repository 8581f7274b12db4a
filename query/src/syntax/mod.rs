//! The filter language as text: a filter becomes a tree, or an error that points at the place.
//!
//! Nothing here knows which fields exist or what types they have; see `filter` for that. The grammar, with `!`,
//! `&&` and `||` besides the words:
//!
//! ```text
//! filter   = [ or ]
//! or       = and { "or" and }
//! and      = not { "and" not }
//! not      = { "not" } ( check | "(" or ")" )
//! check    = operand "exists"
//!          | operand OP value                  = == != < <= > >= contains startswith glob regex ...
//!          | operand OP ("anyof" | "oneof" | "allof") list
//!          | operand ("in" | "intersects" | "pmatch") ( list | right )
//! operand  = field | TRANSFORMER "(" argument { "," argument } ")"
//! right    = "val" "(" field ")" | TRANSFORMER "(" ... ")"
//! value    = bare | quoted | right
//! list     = "(" [ text { "," text } ] ")"
//! field    = word "." word { "." word } [ "[" argument "]" ]
//! ```
//! Start at [`parse`].

mod cursor;
mod error;
mod parse;
mod tree;

pub(crate) use cursor::Cursor;
pub use error::FilterError;
pub(crate) use error::nearest;
pub(crate) use parse::{operand, parse};
pub(crate) use tree::{
    Check, Expr, FieldName, Literal, Operand, Operator, Quantifier, Right, Span, Transformer,
};
