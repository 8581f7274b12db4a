//! Values as text.
//!
//! Everything is appended to a byte buffer as it is; text of unknown origin is made safe for terminals by the
//! [`escape`] functions, which the printer applies (see [`crate::view::RowView::escape`] for values made of
//! several texts). Start at [`write_info`] for whole events and at [`write_value`] for one argument.

mod argument;
mod buffer;
mod clock;
mod descriptor;
mod escape;
mod info;
mod message;
mod names;
mod number;
mod path;
mod sockaddr;
mod structure;

pub(crate) use argument::{is_command, makes_file};
pub(crate) use buffer::{base64_decode, buffer, write_buffer};
pub use clock::{Clock, write_clock, write_span};
pub(crate) use descriptor::{descriptor_name, ip_address, type_letter, write_ip};
pub use escape::write_escaped;
pub(crate) use escape::write_json_string;
pub(crate) use info::{
    InfoPlan, InfoSource, Parameter, parameter_value, write_info, write_planned_info, write_resolved,
};
pub(crate) use names::{capability_names, errno_of};
pub(crate) use number::{write_hex, write_int, write_padded, write_uint};
pub(crate) use path::{AT_FDCWD, absolute_path, raw_path};
