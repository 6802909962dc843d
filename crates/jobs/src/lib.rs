//! The built-in jobs, one file each.
//!
//! To add a job, drop a file with one `#[job]` function into `src/jobs`; the build finds it.
//! A program that wants the jobs calls [`link`] once: a crate that nothing names is left out by
//! the linker, and its jobs with it.

mod address;
mod capture;
mod child;
mod connect;
mod contract;
mod fingerprint;
mod group;
mod hiro;
mod jq;
mod model;
mod nesting;
mod oauth;
mod picture;
mod posts;
mod present;
mod program;
mod request;
mod service;
mod twitter;

include!(concat!(env!("OUT_DIR"), "/jobs.rs"));

/// Keeps the linker from leaving this crate out of a program.
pub const fn link() {}
