//! Prints `docs/fields.md`, for `cargo xtask codegen`, which must not wait for this crate to build when it is
//! about to change the tables this crate is built from.

fn main() {
    print!("{}", query::fields_markdown());
}
