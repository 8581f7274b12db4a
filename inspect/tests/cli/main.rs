//! The program run on small captures: what a user types, and what comes out.

mod commands;
mod copy;
mod damage;
mod hostile;
mod info;
mod messages;
mod parts;
mod read;
mod support;
