//! Filters and formats over small captures, in the user's terms: text in, events and lines out.

mod filters;
mod printing;
mod support;
mod verdicts;
