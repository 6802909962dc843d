//! A fleet of real processes over a real server: what is submitted ends in one LAST, and people can
//! see, question, stop, fetch and repeat it.

mod again;
mod carrying;
mod cluster;
mod freezing;
mod seeing;
mod submitting;
mod why;
